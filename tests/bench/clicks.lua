-- Clicks on 100,000 links by 10,000 visitors: wrk -s clicks.lua; LINKS says how many there are.
local links = tonumber(os.getenv("BENCH_LINKS") or "100000")
local count, at, requests = 20000, 0, {}
local agents = {
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_%d like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1",
}

function init(args)
  math.randomseed(7)
  for i = 1, count do
    local v = math.random(1, 10000)
    requests[i] = wrk.format("GET", "/l/b" .. math.random(0, links - 1), {
      ["Host"] = "127.0.0.1", ["User-Agent"] = agents[v % 2 + 1]:format(v % 25 + 100),
      ["X-Forwarded-For"] = "81." .. (v % 200) .. "." .. math.floor(v / 200) .. ".9",
      ["Referer"] = "https://blog" .. (v % 40) .. ".example/post", ["Accept-Language"] = "en-GB,en;q=0.9",
    })
  end
end

function request()
  at = at % count + 1
  return requests[at]
end

function done(summary, latency)
  local line = '{"requests": %d, "seconds": %.3f, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}\n'
  local errors = summary.errors
  io.write("RESULT " .. line:format(summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
