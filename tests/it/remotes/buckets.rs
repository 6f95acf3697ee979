//! What only a bucket can do wrong.

use super::s3::{Conditions, S3, bucket, options};
use super::sample::{Sample, noise};
use danlu::ErrorKind;
use danlu::model::Hash;
use danlu::remote::{Bucket, Directory, Object, Options, PART_BYTES, Remote, SizedHash};
use std::io::Read;

fn push(remote: &dyn Remote, sample: &Sample) {
    remote.put_all(sample.objects.clone()).unwrap();
    assert!(sample.manifest.is_proved_by(&remote.commit(&sample.manifest).unwrap()));
}

#[test]
fn what_is_wrong_with_a_bucket_is_said_in_words() {
    let s3 = S3::start(Conditions::Kept);
    let open = |address: &str, secret: &str| Bucket::open(address, &options(secret)).unwrap();
    let denied = open(&s3.address("a"), "another secret").identity().unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied}");
    assert!(denied.hint().unwrap().contains("check the keys"), "{denied}");
    let none = open(&format!("s3://nothing/a?endpoint={}", s3.endpoint), "a secret").identity().unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound, "{none}");
    assert!(none.to_string().contains("there is no such bucket"), "{none}");
    let nobody = open("s3://runs/a?endpoint=http://127.0.0.1:1", "a secret").identity().unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Unreachable, "{nobody}");
    for error in [denied, none, nobody] {
        assert!(error.to_string().contains(" `s3://"), "{error}");
        assert!(error.to_string().len() < 200, "{error}");
    }
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    for (address, why) in [
        ("s3://", "it names no bucket"),
        ("s3://user:password@bucket/x", "has a user, a password or a key in it"),
        ("s3://bucket/x?secret_access_key=x", "has a user, a password or a key in it"),
        ("s3://bucket/x?token=x", "has a user, a password or a key in it"),
        ("s3://bucket/x?colour=red", "has no setting `colour`"),
        ("s3://bucket/x?conditional=yes", "can only be `none`"),
        ("az://container/x", "Account must be specified"),
        ("gs://bucket/x?endpont=x", "has no setting `endpont`"),
    ] {
        let refused = Bucket::open(address, &Options::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage, "{refused}");
        assert!(refused.to_string().contains(why), "{address}: {refused}");
    }
    assert!(danlu::remote::open("gs://bucket/x", &Options::default()).is_ok());
}

#[test]
fn a_bucket_without_conditional_puts_is_refused_unless_one_is_alone() {
    for (conditions, why) in
        [(Conditions::Refused, "refuses conditional puts"), (Conditions::Ignored, "ignores the conditions")]
    {
        let s3 = S3::start(conditions);
        let sample = Sample::run("one", 5, &[b"x"]);
        let remote = bucket(&s3.address("a"));
        for refused in [remote.identity().unwrap_err(), remote.commit(&sample.manifest).unwrap_err()] {
            assert_eq!(refused.kind(), ErrorKind::Usage, "{refused}");
            assert!(refused.to_string().contains(why), "{refused}");
            assert!(refused.hint().unwrap().contains("`?conditional=none`"), "{refused}");
        }
        let alone = bucket(&format!("{}&conditional=none", s3.address("a")));
        let identity = alone.identity().unwrap();
        push(&alone, &sample);
        push(&alone, &Sample::run("one", 6, &[b"y"]));
        assert_eq!(alone.manifest(&sample.manifest.run).unwrap().unwrap().attempts.len(), 2);
        assert_eq!(alone.identity().unwrap(), identity);
        assert!(remote.identity().is_err(), "who does not say that he is alone is refused still");
    }
}

#[test]
fn what_a_bucket_can_do_is_found_out_once() {
    let s3 = S3::start(Conditions::Kept);
    bucket(&s3.address("a")).identity().unwrap();
    let marker = std::fs::read_to_string(s3.files().join("a/danlu-remote.json")).unwrap();
    assert!(marker.contains("\"conditional\":true"), "{marker}");
    let left = std::fs::read_dir(s3.files().join("a/tmp")).map_or(0, |found| found.count());
    assert_eq!(left, 0, "the probe is removed");
    // A directory that was copied there does not say it; then it is found out.
    let plain = marker.replace(",\"conditional\":true", "");
    assert_ne!(plain, marker);
    let remote = bucket(&s3.address("a"));
    let identity = remote.identity().unwrap();
    std::fs::write(s3.files().join("a/danlu-remote.json"), plain).unwrap();
    assert_eq!(bucket(&s3.address("a")).identity().unwrap(), identity);
    assert_eq!(std::fs::read_to_string(s3.files().join("a/danlu-remote.json")).unwrap(), marker);
}

#[test]
fn two_who_begin_a_bucket_at_once_have_one_remote() {
    let s3 = S3::start(Conditions::Kept);
    let identities: Vec<_> = std::thread::scope(|scope| {
        let begun: Vec<_> =
            (0..6).map(|_| scope.spawn(|| bucket(&s3.address("a")).identity().unwrap())).collect();
        begun.into_iter().map(|begun| begun.join().unwrap()).collect()
    });
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
}

#[test]
fn a_bucket_with_other_things_in_it_is_left_alone() {
    let s3 = S3::start(Conditions::Kept);
    std::fs::write(s3.files().join("thesis.pdf"), "years of work").unwrap();
    let refused = bucket(&s3.address("")).identity().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert!(refused.to_string().contains("such as `thesis.pdf`"), "{refused}");
    push(&bucket(&s3.address("place/below")), &Sample::run("one", 5, &[]));
    assert!(s3.files().join("place/below/danlu-remote.json").is_file());
}

#[test]
fn a_bucket_that_is_copied_is_a_directory_and_back() {
    let s3 = S3::start(Conditions::Kept);
    let sample = Sample::run("one", 50, &[b"some content"]);
    let large = noise(usize::try_from(PART_BYTES).unwrap() * 2 + 5, 3);
    let blob = SizedHash { sha256: Hash::of(&large), size: large.len() as u64 };
    let remote = bucket(&s3.address("a"));
    push(&remote, &sample);
    remote.put(Object::Blob(blob.sha256), blob.size, Box::new(std::io::Cursor::new(large.clone()))).unwrap();
    let copy = tempfile::tempdir().unwrap();
    copy_all(&s3.files().join("a"), copy.path());
    std::fs::create_dir_all(copy.path().join("tmp")).unwrap();
    let directory = Directory::open(copy.path()).unwrap();
    assert_eq!(directory.identity().unwrap(), remote.identity().unwrap());
    assert_eq!(directory.manifest(&sample.manifest.run).unwrap(), Some(sample.manifest.clone()));
    assert_eq!(directory.missing(&sample.names()).unwrap(), []);
    assert_eq!(directory.held(blob).unwrap(), blob.size, "it reads parts too");
    for offset in [0, 5, PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 4, blob.size] {
        let mut bytes = Vec::new();
        directory.get(Object::Blob(blob.sha256), offset).unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes == large[usize::try_from(offset).unwrap()..], "from {offset}");
    }
    // And back: what is a directory is a bucket, once it is copied there.
    push(&directory, &Sample::run("two", 5, &[b"more"]));
    copy_all(copy.path(), &s3.files().join("b"));
    let back = bucket(&s3.address("b"));
    assert_eq!(back.identity().unwrap(), directory.identity().unwrap());
    assert_eq!(back.runs(None).unwrap(), directory.runs(None).unwrap());
    assert_eq!(back.held(blob).unwrap(), blob.size);
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_all(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
