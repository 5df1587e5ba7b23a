"""Networks that no request may reach: network -> its purpose.

From the IANA IPv4 and IPv6 Special-Purpose Address Registries
(https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry), without exceptions for the
few anycast addresses inside them, together with multicast and withdrawn networks; and the metadata addresses of clouds,
which return credentials of the requesting machine.
"""

from __future__ import annotations

SPECIAL_IPV4 = {
    "0.0.0.0/8": "this network (RFC 791)",
    "10.0.0.0/8": "private use (RFC 1918)",
    "100.64.0.0/10": "shared address space of carriers (RFC 6598)",
    "127.0.0.0/8": "loopback (RFC 1122)",
    "169.254.0.0/16": "link-local (RFC 3927)",
    "172.16.0.0/12": "private use (RFC 1918)",
    "192.0.0.0/24": "protocol assignments (RFC 6890)",
    "192.0.2.0/24": "documentation (RFC 5737)",
    "192.31.196.0/24": "AS112, answered by a node nearby (RFC 7535)",
    "192.52.193.0/24": "AMT relays, answered by a node nearby (RFC 7450)",
    "192.88.99.0/24": "6to4 relays, withdrawn (RFC 7526)",
    "192.168.0.0/16": "private use (RFC 1918)",
    "192.175.48.0/24": "AS112, answered by a node nearby (RFC 7534)",
    "198.18.0.0/15": "benchmarks (RFC 2544)",
    "198.51.100.0/24": "documentation (RFC 5737)",
    "203.0.113.0/24": "documentation (RFC 5737)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "240.0.0.0/4": "reserved, and the broadcast address (RFC 1112)",
}

# Only 2000::/3 is assigned for global unicast: addresses outside it are never reached, listed here or not
SPECIAL_IPV6 = {
    "::/128": "unspecified (RFC 4291)",
    "::1/128": "loopback (RFC 4291)",
    "::/96": "IPv4-compatible, withdrawn (RFC 4291)",
    "::ffff:0:0/96": "IPv4-mapped (RFC 4291)",
    "::ffff:0:0:0/96": "IPv4-translated (RFC 2765)",
    "64:ff9b:1::/48": "translation within one network (RFC 8215)",
    "100::/64": "discarded (RFC 6666)",
    "100:0:0:1::/64": "dummy prefix (RFC 9780)",
    "2001::/23": "protocol assignments: Teredo, benchmarks, ORCHID … (RFC 2928)",
    "2001:db8::/32": "documentation (RFC 3849)",
    "2002::/16": "6to4 (RFC 3056)",
    "2620:4f:8000::/48": "AS112, answered by a node nearby (RFC 7534)",
    "3ffe::/16": "6bone, withdrawn (RFC 3701)",
    "3fff::/20": "documentation (RFC 9637)",
    "5f00::/16": "segment routing (RFC 9602)",
    "fc00::/7": "unique local (RFC 4193)",
    "fe80::/10": "link-local (RFC 4291)",
    "fec0::/10": "site-local, withdrawn (RFC 3879)",
    "ff00::/8": "multicast (RFC 4291)",
}

# Metadata addresses of clouds; most lie in networks above and are listed so that none is missed
METADATA = {
    "169.254.169.254/32": "Amazon, Azure, DigitalOcean, Google, OpenStack, Oracle",
    "169.254.170.2/32": "Amazon ECS",
    "169.254.170.23/32": "Amazon EKS",
    "fd00:ec2::254/128": "Amazon",
    "fd00:ec2::23/128": "Amazon EKS",
    "fd20:ce::254/128": "Google",
    "100.100.100.200/32": "Alibaba",
    "168.63.129.16/32": "Azure's host",
    "192.0.0.192/32": "Oracle",
}

GLOBAL_UNICAST = "2000::/3"
NAT64 = "64:ff9b::/96"  # globally reachable: how a machine without IPv4 reaches IPv4 (RFC 6052)
