watcher.start()
appliance = create_machine(start_command)
appliance.start()
watcher.wait_until_succeeds(
    "dig +short @10.20.0.2 ns.closet.example | grep -Fx 10.20.0.2", timeout=600
)
