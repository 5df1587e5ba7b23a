#!/bin/sh
# Gets a certificate for every proved host that has none yet, by certbot and nginx (nginx.conf); `certbot renew` renews
# them. Run it once an hour, for example by a systemd timer, in the directory of the product and with its environment.
# Not more often: it fails for a host that does not lead here yet, and certificate authorities count failures.
set -u
for host in $(.venv/bin/python manage.py custom_domain served); do
	[ -e "/etc/letsencrypt/live/$host/fullchain.pem" ] && continue
	certbot certonly --non-interactive --agree-tos --webroot -w /var/lib/acme --cert-name "$host" -d "$host" ||
		echo "no certificate for $host yet" >&2
done
