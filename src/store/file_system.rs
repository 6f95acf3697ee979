//! What file system a directory is on: on one that several machines share, SQLite is not written to while others may read.

use rustix::fs::statfs;
use std::path::Path;

/// A file system by the number that Linux gives it.
///
/// Source: statfs(2), `linux/magic.h`, and the headers of the file systems that are not part of Linux.
const SHARED: [(u32, &str); 16] = [
    (0x6969, "NFS"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x00C3_6400, "CephFS"),
    (0x6573_5546, "FUSE"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x1983_0326, "BeeGFS"),
    (0x7461_636F, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x0102_1997, "9p"),
    (0x7375_7245, "Coda"),
    (0xAAD7_AAEA, "PanFS"),
];

/// Names the file system of a directory if several machines may share it.
pub fn shared_file_system(directory: &Path) -> Option<&'static str> {
    let kind = statfs(directory).ok()?.f_type;
    // Some architectures widen the number with its sign.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "all of them have 32 bits")]
    name_of(kind as u32)
}

fn name_of(kind: u32) -> Option<&'static str> {
    SHARED.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_file_systems_are_known_by_their_numbers() {
        for (number, name) in
            [(0x6969, "NFS"), (0x0BD0_0BD0, "Lustre"), (0x6573_5546, "FUSE"), (0xFE53_4D42, "SMB2")]
        {
            assert_eq!(name_of(number), Some(name));
        }
        // ext4, XFS, btrfs, ZFS, tmpfs, overlayfs.
        for local in [0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0x0102_1994, 0x794C_7630] {
            assert_eq!(name_of(local), None);
        }
        assert_eq!(shared_file_system(&std::env::temp_dir()), None);
        assert_eq!(shared_file_system(Path::new("/nowhere")), None);
    }
}
