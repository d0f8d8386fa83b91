# Homebrew finds this when the repository is tapped:
#	brew tap orbfs/orbfs URL-OR-PATH-OF-THE-REPOSITORY
#	brew install --HEAD orbfs
# It is built here, since every macFUSE brings its own headers.
class Orbfs < Formula
  desc "Virtual machines as directories"
  license "MIT"
  # The tap is the repository itself.
  head "file://#{File.expand_path("..", File.dirname(__FILE__))}", using: :git, branch: "main"

  depends_on "pkgconf" => :build
  depends_on "zig" => :build
  depends_on "cjson"
  depends_on "libuv"
  depends_on :macos

  # macFUSE is a cask, and lies outside of Homebrew's own folders.
  env :std

  def install
    ENV.append_path "PKG_CONFIG_PATH", "/usr/local/lib/pkgconfig"
    odie "macFUSE is missing: brew install --cask macfuse" unless
      quiet_system("pkg-config", "--exists", "fuse3")
    ENV["ZIG_GLOBAL_CACHE_DIR"] = buildpath/"zig-cache"
    system "make", "all"
    system "make", "install", "PREFIX=#{prefix}"
  end

  service do
    run [opt_bin/"orbfs", "-f", "/Volumes/vms"]
    keep_alive successful_exit: false
    log_path var/"log/orbfs.log"
    error_log_path var/"log/orbfs.log"
  end

  def caveats
    <<~EOS
      The first mount asks for macFUSE's system extension to be allowed:
      System Settings, Privacy & Security, Allow, and a restart.
      Then:
        orbfs && open /Volumes/vms
      or, from login to logout:
        brew services start orbfs
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/orbfs --version") if build.stable?
    assert_match "doctor", shell_output("#{bin}/orbfs --help")
  end
end
