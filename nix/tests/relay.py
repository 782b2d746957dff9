start_all()
server.wait_for_unit("quorate.service")
relay.wait_for_unit("systemd-networkd.service")
client.wait_until_succeeds("ip -4 -br addr show eth1 | grep -F 10.30.0.1")
# Through its router: the server answers from the other link.
client.wait_until_succeeds("ping -c 1 10.20.0.2")
server.wait_until_succeeds("dig +short @10.20.0.2 client.lab.test | grep -F 10.30.0.1")
