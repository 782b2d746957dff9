start_all()
for machine in (server, closed):
    machine.wait_for_unit("quorate.service")
    machine.succeed("systemd-analyze security --threshold=20 quorate.service")

with subtest("state is nobody else's"):
    server.fail("sudo -u nobody ls /var/lib/quorate/")
    pid = server.succeed("systemctl show -P MainPID quorate.service").strip()
    user = server.succeed(f"ps -o user= -p {pid}").strip()
    assert user not in ("root", "0"), user

with subtest("doors"):
    closed.succeed("dig +tries=1 +time=3 @10.20.0.2 ns.lab.test")
    closed.succeed("dig +tries=1 +time=3 @10.20.0.4 ns.lab.test")
    server.fail("dig +tries=1 +time=3 @10.20.0.4 ns.lab.test")
