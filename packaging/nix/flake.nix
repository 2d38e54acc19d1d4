# Untried: written for Nix, and only read by the tests. From the top of the repository:
#   nix build ./packaging/nix
{
  description = "A POP3 mail fetcher that never loses a message and never delivers it twice";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in {
      packages = each (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = "mailpull";
          version = "0.2.0";
          src = ../..;
          cargoLock.lockFile = ../../Cargo.lock;
          nativeBuildInputs = [ pkgs.installShellFiles pkgs.pkg-config ];
          buildInputs = [ pkgs.openssl ];
          # The tests start servers that a build has not.
          doCheck = false;
          postInstall = ''
            installManPage man/mailpull.1
            installShellCompletion --bash --name mailpull completions/mailpull.bash
            installShellCompletion --fish completions/mailpull.fish
            installShellCompletion --zsh completions/_mailpull
          '';
        };
      });
    };
}
