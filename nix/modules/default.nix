{
  imports = [
    ./dhcp.nix
    ./dns.nix
    ./node.nix
  ];
}
