# A machine without a disk: iPXE in its network card asks for a lease, learns where the script is,
# and boots the netboot image into a cluster of one.
{
  quorate,
  lib,
  pkgs,
  ...
}:
let
  lab = import ../test-lab.nix { inherit quorate lib; };
  system = pkgs.stdenv.hostPlatform.system;
  qemu = import (pkgs.path + "/nixos/lib/qemu-common.nix") { inherit (pkgs) lib stdenv; };
in
{
  name = "quorate-netboot";
  nodes.server = {
    imports = [ lab.server ];
    services.quorate = {
      dhcp.settings = {
        classes = [
          {
            name = "firmware";
            user_class = "iPXE";
            boot_file = "http://10.20.0.2:8080/netboot.ipxe";
          }
          {
            name = "etcd";
            hostname = "node-{index}";
          }
        ];
      };
      dns.settings.zones = [
        {
          name = "closet.example";
          primary_ns = "ns.lab.test.";
        }
      ];
      ddns.settings = {
        forward_zone = lib.mkForce "closet.example";
        services = [
          {
            name = "etcd";
            class = "etcd";
            members = 1;
            set = "plain";
          }
        ];
      };
    };
    services.nginx = {
      enable = true;
      virtualHosts.boot = {
        listen = [
          {
            addr = "10.20.0.2";
            port = 8080;
          }
        ];
        root = quorate.packages.${system}.netboot;
      };
    };
    networking.firewall.allowedTCPPorts = [ 8080 ];
  };
  testScript = ''
    start_command = (
        "${qemu.qemuBinary pkgs.qemu_test} -m 2048 -boot order=n"
        " -netdev vde,id=net0,sock=$QEMU_VDE_SOCKET_1"
        " -device virtio-net-pci,netdev=net0,mac=52:54:00:12:01:77"
    )
  ''
  + builtins.readFile ./netboot.py;
}
