def healthy(machine):
    machine.wait_until_succeeds("etcdctl endpoint health --cluster", timeout=120)


def members(machine):
    return sorted(machine.succeed("etcdctl member list").splitlines())


start_all()
server.wait_for_unit("quorate.service")

with subtest("three machines form one cluster"):
    for machine in (n1, n2, n3):
        healthy(machine)
    formed = members(n1)
    assert len(formed) == 3, formed
    assert members(n2) == formed and members(n3) == formed
    n1.succeed("etcdctl put story told")

with subtest("a member that crashes comes back as itself"):
    n2.crash()
    n1.wait_until_succeeds("etcdctl put story 'goes on'")
    n2.start()
    healthy(n2)
    assert members(n2) == formed
    assert "goes on" in n2.succeed("etcdctl get story")

with subtest("a member whose cable was out catches up"):
    n3.block()
    n1.wait_until_succeeds("etcdctl put story 'without n3'")
    n3.unblock()
    healthy(n3)
    assert "without n3" in n3.succeed("etcdctl get story")
