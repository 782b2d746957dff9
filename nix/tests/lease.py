def address(machine):
    machine.wait_until_succeeds("ip -4 -br addr show eth1 | grep -F 10.20.0.1")
    return machine.succeed("ip -4 -br addr show eth1").split()[2].split("/")[0]


def named(name, addr):
    server.wait_until_succeeds(f"dig +short @10.20.0.2 {name}.lab.test | grep -Fx {addr}")
    server.wait_until_succeeds(f"dig +short @10.20.0.2 -x {addr} | grep -Fx {name}.lab.test.")


def told(what):
    server.wait_until_succeeds(f"journalctl -u quorate.service | grep -E '{what}'")


start_all()
server.wait_for_unit("quorate.service")

with subtest("networkd: lease, name, renewal"):
    addr = address(networkd)
    named("networkd", addr)
    networkd.succeed("networkctl renew eth1")
    told(f"leased {addr} to .* \\(networkd, renewed\\)")

with subtest("dhcpcd: lease, name, release"):
    addr = address(dhcpcd)
    named("dhcpcd", addr)
    dhcpcd.succeed("dhcpcd --release eth1")
    told(f"lease of {addr} to .* released")
    server.wait_until_succeeds('test -z "$(dig +short @10.20.0.2 dhcpcd.lab.test)"')

with subtest("udhcpc: lease, name, release"):
    udhcpc.wait_for_unit("multi-user.target")
    udhcpc.succeed("udhcpc -i eth1 -s /etc/udhcpc.script -x hostname:udhcpc -p /run/udhcpc.pid")
    addr = address(udhcpc)
    named("udhcpc", addr)
    udhcpc.succeed("kill -USR2 $(cat /run/udhcpc.pid)")
    told(f"lease of {addr} to .* released")
