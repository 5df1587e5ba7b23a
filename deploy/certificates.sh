#!/bin/sh
# Gets a certificate for every proved host that has none yet, by certbot and nginx (nginx.conf). Run it once an hour
# (a host that does not lead here yet fails, and authorities count failures), for example by a systemd timer, in the directory of the product and with its environment; `certbot renew` renews them.
set -u
for host in $(.venv/bin/python manage.py custom_domain served); do
	[ -e "/etc/letsencrypt/live/$host/fullchain.pem" ] && continue
	certbot certonly --non-interactive --agree-tos --webroot -w /var/lib/acme --cert-name "$host" -d "$host" ||
		echo "no certificate for $host yet" >&2
done
