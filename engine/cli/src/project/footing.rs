//! What a SQLite store stands on: a disk of this machine, or something that loses or mixes up what is written.
//!
//! Guarantees: the rule is pure, over the type of the file system as the kernel tells it; looking makes and changes nothing.
//! Never: stops anybody. `doctor` calls it a problem, `serve` warns: who works on a laptop may know better.

use std::path::{Path, PathBuf};

/// What a file system is to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Footing {
    /// A disk of this machine.
    Disk(&'static str),
    /// Shared over a network: what it is, and why that will not do.
    Network(&'static str),
    /// Gone with the machine or the container.
    Ephemeral(&'static str),
    /// Nobody here knows it.
    Strange,
}

const LOCKS: &str =
    "its locks do not hold between machines, so two engines could write at once and break the file";
const OBJECTS: &str = "it keeps whole objects: it has no locks, no shared memory and no sync, and SQLite needs all three";
const MIRROR: &str =
    "it passes files through from another machine: locks and shared memory do not hold across it";
const LAYER: &str = "it is the layer of a container, and gone with it: name a volume";
const MEMORY: &str = "it is in memory, and gone when the machine stops";

/// The rule: by the magic number of the file system, and for FUSE by the type of the mount.
pub(crate) fn footing(magic: u64, mount: Option<&str>) -> Footing {
    match magic {
        0xEF53 => Footing::Disk("ext4"),
        0x5846_5342 => Footing::Disk("xfs"),
        0x9123_683E => Footing::Disk("btrfs"),
        0x2FC1_2FC1 => Footing::Disk("zfs"),
        0xF2F5_2010 => Footing::Disk("f2fs"),
        0xCA45_1A4E => Footing::Disk("bcachefs"),
        // NFS, SMB and CIFS, AFS, Ceph, Lustre, GFS2, OCFS2, BeeGFS.
        0x6969 | 0x517B | 0xFF53_4D42 | 0xFE53_4D42 | 0x5346_414F | 0x00C3_6400 | 0x0BD0_0BD0
        | 0x0116_1970 | 0x7461_636F | 0x1983_0326 => Footing::Network(LOCKS),
        // 9p and the shared folders of virtual machines.
        0x0102_1997 | 0x786F_4256 | 0xBACB_ACBC => Footing::Network(MIRROR),
        0x6573_5546 => fuse(mount.unwrap_or_default()),
        0x794C_7630 | 0x6175_6673 => Footing::Ephemeral(LAYER),
        0x0102_1994 | 0x8584_58F6 => Footing::Ephemeral(MEMORY),
        _ => Footing::Strange,
    }
}

fn fuse(mount: &str) -> Footing {
    match mount {
        // A local disk behind a driver in user space, such as NTFS.
        "fuseblk" => Footing::Disk("fuseblk"),
        "virtiofs" => Footing::Network(MIRROR),
        "fuse.gcsfuse" | "fuse.s3fs" | "fuse.mount-s3" | "fuse.mountpoint-s3" | "fuse.goofys"
        | "fuse.rclone" | "fuse.blobfuse" | "fuse.blobfuse2" | "fuse.geesefs" => {
            Footing::Network(OBJECTS)
        }
        "fuse.sshfs" | "fuse.glusterfs" | "fuse.ceph" | "fuse.juicefs" | "fuse.grpcfuse"
        | "fuse.osxfs" => Footing::Network(LOCKS),
        "fuse.fuse-overlayfs" | "fuse.unionfs" => Footing::Ephemeral(LAYER),
        _ => Footing::Strange,
    }
}

impl Footing {
    /// Why a store must not stand there.
    pub(crate) fn trouble(self) -> Option<String> {
        match self {
            Self::Disk(_) | Self::Strange => None,
            Self::Network(why) => Some(format!("is no disk of this machine: {why}")),
            Self::Ephemeral(why) => Some(format!("does not last: {why}")),
        }
    }
}

/// Where the files of a store are, or will be: the nearest folder that is there, and what it is.
pub(crate) fn stands_on(store: &Path) -> Option<(PathBuf, Footing)> {
    let folder = store.ancestors().skip(1).find(|folder| folder.is_dir())?;
    let folder = folder.canonicalize().ok()?;
    let found = rustix::fs::statfs(&folder).ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // The kernel gives 32 bits, in a field whose width and sign are the machine's.
    let magic = u64::from(u32::try_from(i128::from(found.f_type) & 0xFFFF_FFFF).ok()?);
    let footing = footing(magic, mount_type(&mounts, &folder).as_deref());
    Some((folder, footing))
}

/// The type of the mount that a folder is on, by the kernel's table.
fn mount_type(mounts: &str, folder: &Path) -> Option<String> {
    let one = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let point = unescaped(place.split(' ').nth(4)?);
        let inside = folder.starts_with(&point);
        inside.then(|| {
            (
                point.len(),
                kind.split(' ').next().unwrap_or_default().to_owned(),
            )
        })
    };
    // The last of the same length lies on top.
    let of_all = mounts.lines().filter_map(one);
    of_all
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

/// The kernel writes blanks of a path as octal numbers.
fn unescaped(text: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_of_this_machine_is_fine() {
        for magic in [0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1] {
            assert_eq!(footing(magic, None).trouble(), None, "{magic:x}");
        }
        assert_eq!(footing(0x6573_5546, Some("fuseblk")).trouble(), None);
        assert_eq!(footing(0x1234, None), Footing::Strange);
    }

    #[test]
    fn what_is_shared_or_does_not_last_is_refused_with_the_reason() {
        for (magic, mount, word) in [
            (0x6969, None, "two engines"),
            (0xFF53_4D42, None, "two engines"),
            (0xFE53_4D42, None, "two engines"),
            (0x0102_1997, None, "another machine"),
            (0x6573_5546, Some("fuse.gcsfuse"), "whole objects"),
            (0x6573_5546, Some("fuse.s3fs"), "whole objects"),
            (0x6573_5546, Some("fuse.sshfs"), "two engines"),
            (0x6573_5546, Some("virtiofs"), "another machine"),
            (0x794C_7630, Some("overlay"), "container"),
            (0x0102_1994, None, "memory"),
            (0x8584_58F6, None, "memory"),
        ] {
            let trouble = footing(magic, mount).trouble();
            assert!(
                trouble.as_ref().is_some_and(|why| why.contains(word)),
                "{magic:x} {mount:?}: {trouble:?}"
            );
        }
    }

    #[test]
    fn the_mount_of_a_folder_is_the_longest_and_the_last() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      2 1 0:5 / /data rw shared:1 - fuse.gcsfuse bucket rw\n\
                      3 1 0:6 / /data/a\\040b rw - nfs4 host:/x rw\n\
                      4 1 0:7 / /data rw - xfs /dev/sdb rw\n";
        let kind = |path: &str| mount_type(mounts, Path::new(path));
        assert_eq!(kind("/home").as_deref(), Some("ext4"));
        assert_eq!(kind("/data/x").as_deref(), Some("xfs"));
        assert_eq!(kind("/data/a b/c").as_deref(), Some("nfs4"));
        assert_eq!(kind("/database").as_deref(), Some("ext4"));
    }

    #[test]
    fn a_store_in_memory_is_seen_through_folders_that_are_not_there_yet() {
        let shm = Path::new("/dev/shm");
        if !shm.is_dir() {
            return;
        }
        let store = shm.join("noctule-not-there/default/state.db");
        let (folder, footing) = stands_on(&store).expect("a folder");
        assert_eq!(folder, shm);
        assert_eq!(footing, Footing::Ephemeral(MEMORY));
        assert!(!store.exists());
    }
}
