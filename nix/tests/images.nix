# The appliance's image, booted as it would be on a small board.
{
  quorate,
  lib,
  pkgs,
  ...
}:
let
  system = pkgs.stdenv.hostPlatform.system;
  qemu = import (pkgs.path + "/nixos/lib/qemu-common.nix") { inherit (pkgs) lib stdenv; };
in
{
  name = "quorate-images";
  nodes.watcher =
    { pkgs, ... }:
    {
      virtualisation.vlans = [ 1 ];
      networking.interfaces.eth1.ipv4.addresses = lib.mkForce [
        {
          address = "10.20.0.3";
          prefixLength = 24;
        }
      ];
      environment.systemPackages = [ pkgs.dig ];
    };
  testScript = ''
    start_command = (
        "${qemu.qemuBinary pkgs.qemu_test} -m 1024 -snapshot"
        " -drive if=pflash,format=raw,unit=0,readonly=on,file=${pkgs.OVMF.firmware}"
        " -drive file=$(echo ${quorate.packages.${system}.vm-image}/*.qcow2),if=virtio"
        " -netdev vde,id=net0,sock=$QEMU_VDE_SOCKET_1"
        " -device virtio-net-pci,netdev=net0,mac=52:54:00:12:01:77"
    )
  ''
  + builtins.readFile ./images.py;
}
