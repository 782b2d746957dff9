import json


def leases():
    said = server.succeed(
        "curl --silent --unix-socket /var/lib/quorate/state/control.sock http://quorate/leases"
    )
    return sorted(json.dumps(lease, sort_keys=True) for lease in json.loads(said))


def named():
    server.wait_until_succeeds("dig +short @10.20.0.2 client.lab.test | grep -F 10.20.0.1")


start_all()
server.wait_for_unit("quorate.service")
named()
# Nobody renews meanwhile.
client.shutdown()
before = leases()
assert len(before) == 1, before

with subtest("another configuration"):
    server.succeed("/run/current-system/specialisation/next/bin/switch-to-configuration test")
    server.wait_for_unit("quorate.service")
    assert leases() == before
    named()

with subtest("a power cut"):
    server.crash()
    server.start()
    server.wait_for_unit("quorate.service")
    assert leases() == before
    named()
