server.start()
server.wait_for_unit("quorate.service")
server.wait_for_unit("nginx.service")

diskless = create_machine(start_command)
diskless.start()

with subtest("the firmware is told where the script is"):
    server.wait_until_succeeds("journalctl -u nginx | grep -F netboot.ipxe", timeout=300)

with subtest("the machine is a cluster"):
    srv = "dig +short @10.20.0.2 _etcd-server._tcp.closet.example SRV"
    server.wait_until_succeeds(f"{srv} | grep -F node-", timeout=600)
    name = server.succeed(srv).split()[3]
    addr = server.succeed(f"dig +short @10.20.0.2 {name}").strip()
    server.wait_until_succeeds(f"curl --fail http://{addr}:2379/health | grep true", timeout=300)
