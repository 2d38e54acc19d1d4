# Untried: written for Homebrew, and only parsed by the tests. Put the address and checksum of the release in.
class Mailpull < Formula
  desc "POP3 mail fetcher that never loses a message and never delivers it twice"
  homepage "https://example.org/mailpull"
  url "https://example.org/mailpull/mailpull-0.2.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "pkgconf" => :build
  depends_on "rust" => :build
  depends_on "openssl@3"

  def install
    system "cargo", "install", "--locked", "--root", prefix, "--path", "."
    man1.install "man/mailpull.1"
    bash_completion.install "completions/mailpull.bash" => "mailpull"
    fish_completion.install "completions/mailpull.fish"
    zsh_completion.install "completions/_mailpull"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/mailpull --version")
  end
end
