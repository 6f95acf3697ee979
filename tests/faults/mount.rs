//! Small file systems of their own: in memory, and on a disk whose power can be cut.

use std::path::{Path, PathBuf};
use std::process::Command;

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{program} {}: {said}", args.join(" "));
}

/// A file system in memory. It is gone with this.
pub struct Memory {
    path: PathBuf,
}

impl Memory {
    /// Mounts one on a directory, with options such as `size=2m`.
    pub fn on(path: &Path, options: &str) -> Self {
        std::fs::create_dir_all(path).unwrap();
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", path.to_str().unwrap()]);
        Self { path: path.to_owned() }
    }

    /// Makes it read-only.
    pub fn freeze(&self) {
        run("mount", &["-o", "remount,ro", self.path.to_str().unwrap()]);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.path).output().ok();
    }
}

/// A disk in a file, with ext4 on it.
pub struct Disk {
    image: PathBuf,
    path: PathBuf,
    mounted: bool,
}

impl Disk {
    /// Makes the disk in `image` and mounts it on `path`.
    pub fn new(image: &Path, path: &Path) -> Self {
        let file = std::fs::File::create(image).unwrap();
        file.set_len(256 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
        std::fs::create_dir_all(path).unwrap();
        let mut disk = Self { image: image.to_owned(), path: path.to_owned(), mounted: false };
        disk.mount();
        disk
    }

    fn mount(&mut self) {
        run("mount", &["-o", "loop", self.image.to_str().unwrap(), self.path.to_str().unwrap()]);
        self.mounted = true;
    }

    /// Cuts the power: from now on nothing reaches the disk, and every call fails.
    #[expect(unsafe_code, reason = "the only way to call an ioctl")]
    pub fn cut_power(&self) {
        // FS_IOC_SHUTDOWN of linux/fs.h, with EXT4_GOING_FLAGS_NOLOGFLUSH of fs/ext4/ext4.h.
        const SHUTDOWN: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<u32>(b'X', 125);
        let root = std::fs::File::open(&self.path).unwrap();
        // SAFETY: the call reads the four bytes that the setter passes to it, and keeps nothing.
        unsafe { rustix::ioctl::ioctl(&root, rustix::ioctl::Setter::<SHUTDOWN, u32>::new(2)) }.unwrap();
    }

    /// Mounts it again, as the machine does when the power is back.
    pub fn restart(&mut self) {
        // A process that another test is just starting may have copies of our handles for a moment.
        crate::support::wait_until("nobody uses the disk", || {
            Command::new("umount").arg(&self.path).output().unwrap().status.success()
        });
        self.mounted = false;
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            Command::new("umount").arg("-l").arg(&self.path).output().ok();
        }
    }
}
