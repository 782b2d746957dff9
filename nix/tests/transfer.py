start_all()
server.wait_for_unit("quorate.service")

with subtest("without the key there is no transfer"):
    server.succeed("dig @10.20.0.2 lab.test AXFR | grep -F 'Transfer failed'")

with subtest("both secondaries have the zone"):
    for addr in ("10.20.0.11", "10.20.0.12"):
        server.wait_until_succeeds(f"dig +short @{addr} ns.lab.test | grep -Fx 10.20.0.2")

with subtest("and its serial"):
    serial = server.succeed("dig +short @10.20.0.2 lab.test SOA")
    for addr in ("10.20.0.11", "10.20.0.12"):
        assert server.succeed(f"dig +short @{addr} lab.test SOA") == serial
