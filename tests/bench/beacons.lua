-- wrk's script: beacons of many visitors, as the tracker sends them. SITE and HOST come from the environment.
local site, host = os.getenv("BENCH_SITE"), os.getenv("BENCH_HOST")
local visitors, pages, agents, referrers = 10000, 500, 50, 40
local kinds = {"pageview", "pageview", "pageview", "ping", "ping", "click", "outbound", "goal"}
local requests, count, at = {}, 20000, 0
local brands = {"Chrome/%d.0.0.0 Safari/537.36", "Chrome/%d.0.0.0 Safari/537.36 Edg/%d.0.0.0"}

local function agent(n)
  local version = 100 + n
  if n % 5 == 0 then
    return "Mozilla/5.0 (iPhone; CPU iPhone OS 17_" .. n .. " like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17." .. n .. " Mobile/15E148 Safari/604.1"
  end
  local brand = brands[n % 2 + 1]:gsub("%%d", tostring(version))
  return "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " .. brand
end

local function address(v)
  return string.format("%d.%d.%d.%d", 20 + v % 150, v % 251, math.floor(v / 251) % 251, 1 + v % 250)
end

function init(args)
  math.randomseed(tonumber(os.getenv("BENCH_SEED") or "7"))
  for i = 1, count do
    local v = math.random(0, visitors - 1)
    local kind = kinds[math.random(#kinds)]
    local page = "/page/" .. math.random(1, pages)
    local path = "/in.php?site_id=" .. site .. "&type=" .. kind .. "&host=" .. host .. "&res=1920x1080&lang=en-GB&tz=Europe%2FLondon&jsuid=" .. (v * 7919 + 17) .. "&ck=1&x=0." .. i
    if kind == "pageview" then
      path = path .. "&href=" .. page .. "%3Fcolour%3Dred%26utm_source%3Dnews&title=Page%20number%20" .. i % pages
      path = path .. "&ref=https%3A%2F%2Fsite" .. math.random(1, referrers) .. ".example%2Fpost"
    elseif kind == "ping" then
      path = path .. "&page=" .. page .. "&et=" .. math.random(1000, 30000) .. "&sc=" .. math.random(1, 100)
    elseif kind == "goal" then
      path = path .. "&page=" .. page .. "&goal%5Bname%5D=signup&goal%5Brevenue%5D=9.5"
    else
      path = path .. "&page=" .. page .. "&href=https%3A%2F%2Fother.example%2F" .. i % 100 .. "&title=Other"
    end
    requests[i] = wrk.format("GET", path, {
      ["Host"] = "127.0.0.1", ["User-Agent"] = agent(v % agents), ["X-Forwarded-For"] = address(v),
      ["Referer"] = "https://" .. host .. page, ["Accept"] = "*/*", ["Accept-Language"] = "en-GB,en;q=0.9",
      ["Accept-Encoding"] = "gzip, deflate, br",
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
