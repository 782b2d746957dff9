# What a node is, from a disk or from the network.
{
  services.quorate.node = {
    enable = true;
    openFirewall = true;
    settings = {
      inherit ((builtins.fromTOML (builtins.readFile ../packaging/quorate.toml)).seed.etcd.unit)
        discovery_srv
        token
        ;
    };
  };

  networking = {
    useNetworkd = true;
    useDHCP = true;
  };
  # Reservations are by MAC address.
  systemd.network.networks."99-ethernet-default-dhcp".dhcpV4Config.ClientIdentifier = "mac";
  system.stateVersion = "26.05";
}
