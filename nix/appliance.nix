# The fourth machine of README.md's closet: DHCP, DNS, seeds, and what diskless nodes boot.
# Addresses and machines are those of packaging/quorate.toml; copy this file and change them.
{ modulesPath, pkgs, ... }:
let
  closet = builtins.fromTOML (builtins.readFile ../packaging/quorate.toml);
in
{
  imports = [ (modulesPath + "/virtualisation/disk-image.nix") ];

  services.quorate = {
    dhcp = {
      enable = true;
      openFirewall = true;
      settings = closet.dhcp;
    };
    dns = {
      enable = true;
      openFirewall = true;
      settings = closet.dns;
    };
    ddns = {
      enable = true;
      settings = closet.ddns;
    };
    seed = {
      enable = true;
      openFirewall = true;
      settings = closet.seed;
    };
  };

  networking = {
    hostName = "closet";
    useDHCP = false;
    useNetworkd = true;
    usePredictableInterfaceNames = false;
  };
  systemd.network.networks."10-closet" = {
    matchConfig.Name = closet.dhcp.interface;
    address = [ "${closet.dhcp.server_id}/24" ];
    gateway = (builtins.head closet.dhcp.subnets).routers or [ ];
  };

  environment.systemPackages = [ pkgs.dig ];
  system.stateVersion = "26.05";
}
