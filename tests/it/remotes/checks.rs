//! The checks. What a caller may rely on, of whatever sort a remote is.

use super::Subject;
use super::sample::{Sample, log, noise, save, start};
use crate::support::Place;
use bytes::Bytes;
use danlu::ErrorKind;
use danlu::model::Hash;
use danlu::remote::{AttemptEntry, Manifest, Object, PART_BYTES, Remote, SizedHash, materialise};
use danlu::store;
use std::io::{Cursor, Read};

fn put(remote: &dyn Remote, object: Object, bytes: &[u8]) -> danlu::Result<()> {
    remote.put(object, bytes.len() as u64, Box::new(Cursor::new(bytes.to_vec())))
}

fn send(remote: &dyn Remote, sample: &Sample) {
    remote.put_all(sample.objects.clone()).unwrap();
}

fn push(remote: &dyn Remote, sample: &Sample) {
    send(remote, sample);
    let receipt = remote.commit(&sample.manifest).unwrap();
    assert!(sample.manifest.is_proved_by(&receipt), "{receipt:?}");
}

fn read(remote: &dyn Remote, object: Object, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    remote.get(object, offset).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn blob(bytes: &[u8]) -> Object {
    Object::Blob(Hash::of(bytes))
}

fn sized(bytes: &[u8]) -> SizedHash {
    SizedHash { sha256: Hash::of(bytes), size: bytes.len() as u64 }
}

/// A blob of two parts and a rest.
fn large(seed: u64) -> Vec<u8> {
    noise(usize::try_from(2 * PART_BYTES).unwrap() + 12345, seed)
}

fn part(bytes: &[u8], n: u64) -> Bytes {
    let part = usize::try_from(PART_BYTES).unwrap();
    Bytes::copy_from_slice(bytes.chunks(part).nth(usize::try_from(n).unwrap()).unwrap())
}

fn put_part(remote: &dyn Remote, bytes: &[u8], n: u64) -> danlu::Result<()> {
    remote.put_part(sized(bytes), n * PART_BYTES, part(bytes, n))
}

pub fn has_an_identity_that_stays(subject: &Subject) {
    let remote = subject.open();
    let identity = remote.identity().unwrap();
    assert_eq!(remote.identity().unwrap(), identity);
    assert_eq!(subject.open().identity().unwrap(), identity, "whoever opens it");
    push(&*remote, &Sample::run("one", 1, &[]));
    assert_eq!(subject.open().identity().unwrap(), identity, "whatever it holds");
}

pub fn takes_an_object_once_and_again(subject: &Subject) {
    let remote = subject.open();
    let sample = Sample::run("one", 30, &[b"some content", b""]);
    assert_eq!(remote.missing(&sample.names()).unwrap(), sample.names());
    for (object, bytes) in &sample.objects {
        put(&*remote, *object, bytes).unwrap();
        put(&*remote, *object, bytes).unwrap();
        assert_eq!(remote.missing(&[*object]).unwrap(), []);
        assert_eq!(read(&*subject.open(), *object, 0), *bytes);
    }
    assert_eq!(subject.open().missing(&sample.names()).unwrap(), []);
    let absent = blob(b"absent");
    let asked = [sample.names()[0], absent, sample.names()[1]];
    assert_eq!(remote.missing(&asked).unwrap(), [absent]);
    assert_eq!(remote.get(absent, 0).err().unwrap().kind(), ErrorKind::NotFound);
}

pub fn refuses_bytes_that_are_not_those_of_the_name(subject: &Subject) {
    let remote = subject.open();
    let sample = Sample::run("one", 30, &[b"some content"]);
    for (object, bytes) in &sample.objects {
        let mut other = bytes.clone();
        other[bytes.len() / 2] ^= 1;
        let cut = &bytes[..bytes.len() - 1];
        for wrong in [&other, cut, b"", b"something else"] {
            let refused = put(&*remote, *object, wrong).unwrap_err();
            assert!(!refused.is_temporary(), "{refused}");
            let refused = remote.put_all(vec![(*object, wrong.to_vec())]).unwrap_err();
            assert!(!refused.is_temporary(), "{refused}");
            assert_eq!(remote.missing(&[*object]).unwrap(), [*object]);
            assert_eq!(remote.get(*object, 0).err().unwrap().kind(), ErrorKind::NotFound);
        }
        put(&*remote, *object, bytes).unwrap();
        assert_eq!(read(&*remote, *object, 0), *bytes);
    }
}

pub fn takes_many_small_objects(subject: &Subject) {
    let remote = subject.open();
    let contents: Vec<Vec<u8>> = (0..300u32).map(|n| n.to_le_bytes().repeat(1 + n as usize)).collect();
    let mut objects: Vec<_> = contents.iter().map(|bytes| (blob(bytes), bytes.clone())).collect();
    objects.extend(Sample::run("one", 30, &[]).objects);
    let names: Vec<Object> = objects.iter().map(|(object, _)| *object).collect();
    remote.put_all(objects.clone()).unwrap();
    remote.put_all(objects.clone()).unwrap();
    remote.put_all(Vec::new()).unwrap();
    assert_eq!(subject.open().missing(&names).unwrap(), []);
    for (object, bytes) in objects.iter().step_by(50) {
        assert_eq!(read(&*remote, *object, 0), *bytes);
    }
}

pub fn takes_a_large_blob_in_parts_and_goes_on_with_it(subject: &Subject) {
    let bytes = large(1);
    let (blob, object) = (sized(&bytes), blob(&bytes));
    let remote = subject.open();
    assert_eq!(remote.held(blob).unwrap(), 0);
    put_part(&*remote, &bytes, 0).unwrap();
    assert_eq!(remote.held(blob).unwrap(), PART_BYTES);
    assert_eq!(remote.missing(&[object]).unwrap(), [object], "a part is not the blob");
    assert_eq!(remote.get(object, 0).err().unwrap().kind(), ErrorKind::NotFound);
    drop(remote);
    // Somebody else goes on, and the first comes again.
    let other = subject.open();
    assert_eq!(other.held(blob).unwrap(), PART_BYTES);
    put_part(&*other, &bytes, 1).unwrap();
    assert_eq!(other.missing(&[object]).unwrap(), [object]);
    let third = subject.open();
    assert_eq!(third.held(blob).unwrap(), 2 * PART_BYTES);
    put_part(&*third, &bytes, 2).unwrap();
    for remote in [third, other, subject.open()] {
        assert_eq!(remote.held(blob).unwrap(), blob.size);
        assert_eq!(remote.missing(&[object]).unwrap(), []);
        put_part(&*remote, &bytes, 0).unwrap();
        put_part(&*remote, &bytes, 2).unwrap();
        assert!(read(&*remote, object, 0) == bytes);
        assert!(read(&*remote, object, PART_BYTES + 7) == bytes[8_388_615..]);
    }
}

pub fn takes_a_large_blob_from_two_at_once(subject: &Subject) {
    let bytes = large(2);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let remote = subject.open();
                for n in 0..3 {
                    put_part(&*remote, &bytes, n).unwrap();
                }
            });
        }
    });
    let remote = subject.open();
    assert_eq!(remote.missing(&[blob(&bytes)]).unwrap(), []);
    assert!(read(&*remote, blob(&bytes), 0) == bytes);
}

pub fn refuses_parts_that_leave_a_gap_or_are_of_something_else(subject: &Subject) {
    let remote = subject.open();
    let (bytes, other) = (large(3), large(4));
    let (blob, object) = (sized(&bytes), blob(&bytes));
    let refused = |offset, part: Bytes| {
        let refused = remote.put_part(blob, offset, part).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage, "{refused}");
    };
    refused(PART_BYTES, part(&bytes, 1));
    refused(0, part(&bytes, 2));
    refused(0, Bytes::new());
    assert_eq!(remote.held(blob).unwrap(), 0);
    put_part(&*remote, &bytes, 0).unwrap();
    refused(2 * PART_BYTES, part(&bytes, 2));
    refused(PART_BYTES + 1, part(&bytes, 1));
    refused(PART_BYTES, Bytes::copy_from_slice(&bytes[..1000]));
    assert_eq!(remote.held(blob).unwrap(), PART_BYTES);
    // A part of something else is found out at the end, and nothing of it stays.
    remote.put_part(blob, PART_BYTES, part(&other, 1)).unwrap();
    let refused = put_part(&*remote, &bytes, 2).unwrap_err();
    assert!(!refused.is_temporary(), "{refused}");
    assert_eq!(remote.missing(&[object]).unwrap(), [object]);
    assert_eq!(subject.open().held(blob).unwrap(), 0);
    for n in 0..3 {
        put_part(&*remote, &bytes, n).unwrap();
    }
    assert!(read(&*remote, object, 0) == bytes);
}

pub fn takes_the_same_object_from_many_at_once(subject: &Subject) {
    let bytes = noise(300_000, 5);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| put(&*subject.open(), blob(&bytes), &bytes).unwrap());
        }
    });
    assert!(read(&*subject.open(), blob(&bytes), 0) == bytes);
}

pub fn gives_an_object_from_an_offset(subject: &Subject) {
    let remote = subject.open();
    let sample = Sample::run("one", 3000, &[&noise(100_000, 6)]);
    send(&*remote, &sample);
    for (object, bytes) in &sample.objects {
        for offset in [0, 1, bytes.len() / 2, bytes.len() - 1, bytes.len()] {
            assert!(read(&*remote, *object, offset as u64) == bytes[offset..], "{object} from {offset}");
        }
    }
}

pub fn answers_about_many_objects(subject: &Subject) {
    let remote = subject.open();
    let held = Sample::run("one", 10, &[b"x"]);
    send(&*remote, &held);
    let mut asked: Vec<Object> = (0..1500u32).map(|n| blob(&n.to_le_bytes())).collect();
    asked.splice(700..700, held.names());
    let missing = remote.missing(&asked).unwrap();
    asked.retain(|object| !held.names().contains(object));
    assert_eq!(missing, asked);
    assert_eq!(remote.missing(&[]).unwrap(), []);
}

pub fn commits_and_says_what_it_holds(subject: &Subject) {
    let remote = subject.open();
    let sample = Sample::run("one", 9000, &[b"some content", b"other content"]);
    assert_eq!(remote.manifest(&sample.manifest.run).unwrap(), None);
    send(&*remote, &sample);
    assert_eq!(remote.manifest(&sample.manifest.run).unwrap(), None, "nothing is visible yet");
    let receipt = remote.commit(&sample.manifest).unwrap();
    assert_eq!(receipt, sample.manifest.receipt().of(remote.identity().unwrap()));
    assert_eq!(subject.open().commit(&sample.manifest).unwrap(), receipt, "again");
    let found = subject.open().manifest(&sample.manifest.run).unwrap().unwrap();
    assert_eq!(found, sample.manifest);
    // What came in is the run.
    let place = Place::new();
    let path = place.join("back.sqlite");
    materialise(&*remote, &found, &path, true).unwrap();
    let report = store::verify(&path).unwrap();
    assert_eq!((report.damage.len(), report.digest), (0, Some(sample.manifest.digest)));
}

pub fn keeps_all_attempts_that_are_committed_at_once(subject: &Subject) {
    let samples: Vec<Sample> = (1..=4).map(|rows| Sample::run("same", rows, &[&[7; 30]])).collect();
    std::thread::scope(|scope| {
        for sample in &samples {
            scope.spawn(|| push(&*subject.open(), sample));
        }
    });
    let held = subject.open().manifest(&samples[0].manifest.run).unwrap().unwrap();
    assert_eq!(held.attempts.len(), 4);
    assert!(samples.iter().all(|sample| sample.manifest.is_proved_by(&held.receipt())));
}

pub fn refuses_a_commit_that_lacks_an_object(subject: &Subject) {
    let sample = Sample::run("one", 50, &[b"some content"]);
    for left_out in 0..sample.objects.len() {
        let remote = subject.open();
        let mut objects = sample.objects.clone();
        let (object, bytes) = objects.remove(left_out);
        remote.put_all(objects).unwrap();
        let refused = remote.commit(&sample.manifest).unwrap_err();
        assert!(
            !refused.is_temporary() && refused.to_string().contains(&object.hash().to_string()),
            "{refused}"
        );
        assert_eq!(subject.open().manifest(&sample.manifest.run).unwrap(), None);
        assert_eq!(subject.open().runs(None).unwrap(), []);
        if left_out + 1 < sample.objects.len() && !subject.removes {
            return;
        }
        put(&*remote, object, &bytes).unwrap();
        assert!(sample.manifest.is_proved_by(&remote.commit(&sample.manifest).unwrap()));
        if subject.removes {
            remote.remove_run(sample.manifest.run.hash()).unwrap();
            remote.remove(&sample.names()).unwrap();
        }
    }
}

pub fn refuses_another_content_of_an_attempt(subject: &Subject) {
    let remote = subject.open();
    let sample = Sample::run("one", 50, &[]);
    push(&*remote, &sample);
    let mut entry = sample.manifest.attempts[0].clone();
    entry.records += 1;
    let hashes: Vec<Hash> = entry.segments.iter().map(|segment| segment.sha256).collect();
    entry.digest = store::attempt_digest(entry.attempt, entry.records, &hashes);
    let other = Manifest::new(sample.manifest.run.clone(), vec![entry], Vec::new());
    let refused = remote.commit(&other).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert_eq!(remote.manifest(&sample.manifest.run).unwrap(), Some(sample.manifest));
}

pub fn follows_a_run_that_is_written(subject: &Subject) {
    let place = Place::new();
    let run = start(&place, "live");
    let path = run.path().to_owned();
    let mut states = Vec::new();
    for rows in [10, 20, 9000, 5] {
        log(&run, rows);
        save(&place, &run, &[format!("content after {rows}").as_bytes()]);
        run.drain();
        states.push(Sample::of(&path));
    }
    run.finish(0).unwrap();
    let closed = Sample::of(&path);
    let remote = subject.open();
    let mut before: Vec<Object> = Vec::new();
    for state in &states {
        assert!(state.manifest.is_open());
        push(&*remote, state);
        let held = subject.open().manifest(&state.manifest.run).unwrap().unwrap();
        assert_eq!(held, state.manifest);
        let head = subject.open().runs(None).unwrap().remove(0);
        assert!(head.open && head.digest == state.manifest.digest);
        before.retain(|object| !held.objects().contains(object));
        assert_eq!(remote.missing(&before).unwrap(), before, "old ends are removed");
        before = held.objects();
    }
    // One who is late is told what is held, and leaves nothing behind.
    let (late, newest) = (&states[1], &states[3]);
    send(&*remote, late);
    let receipt = remote.commit(&late.manifest).unwrap();
    assert_eq!(receipt.attempts, newest.manifest.receipt().attempts);
    assert!(late.manifest.is_proved_by(&receipt), "more of it is held");
    push(&*remote, &closed);
    let receipt = remote.commit(&newest.manifest).unwrap();
    assert_eq!(receipt.attempts, closed.manifest.receipt().attempts, "closed beats open");
    assert_eq!(subject.open().manifest(&closed.manifest.run).unwrap(), Some(closed.manifest.clone()));
    assert!(!subject.open().runs(None).unwrap()[0].open);
    let tails: Vec<Object> =
        late.names().into_iter().filter(|object| !closed.names().contains(object)).collect();
    assert!(!tails.is_empty() && remote.missing(&tails).unwrap() == tails);
}

pub fn commits_many_runs_and_says_how_each_went(subject: &Subject) {
    let remote = subject.open();
    let samples: Vec<Sample> =
        (0..5).map(|n| Sample::run(&format!("r{n}"), n, &[&[u8::try_from(n).unwrap(); 9]])).collect();
    for sample in &samples[..4] {
        send(&*remote, sample);
    }
    let manifests: Vec<Manifest> = samples.iter().map(|sample| sample.manifest.clone()).collect();
    let done = remote.commit_all(&manifests).unwrap();
    for (manifest, done) in manifests[..4].iter().zip(&done) {
        assert!(manifest.is_proved_by(done.as_ref().unwrap()));
    }
    assert!(done.len() == 5 && done[4].is_err());
    assert_eq!(subject.open().runs(None).unwrap().len(), 4);
    assert!(remote.commit_all(&[]).unwrap().is_empty());
}

pub fn lists_its_runs_in_order(subject: &Subject) {
    let remote = subject.open();
    assert_eq!(remote.runs(None).unwrap(), []);
    let mut heads = Vec::new();
    for n in 0..7 {
        let sample = Sample::run(&format!("r{n}"), n + 1, &[]);
        push(&*remote, &sample);
        heads.push(sample.manifest.head());
    }
    heads.sort_by_key(|head| head.key);
    let listed = subject.open().runs(None).unwrap();
    assert_eq!(listed, heads);
    for (n, head) in heads.iter().enumerate() {
        assert_eq!(remote.runs(Some(head.key)).unwrap(), heads[n + 1..]);
        assert_eq!(remote.manifest_of(head.key).unwrap().unwrap().head(), *head);
    }
}

pub fn finds_damaged_objects(subject: &Subject) {
    let Some(plant) = subject.plant.as_ref().filter(|_| subject.checks_content) else { return };
    let remote = subject.open();
    let sample = Sample::run("one", 50, &[b"some content"]);
    push(&*remote, &sample);
    for (object, bytes) in &sample.objects {
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 4;
        for damaged in [&damaged, &bytes[..bytes.len() - 1], b""] {
            plant(&place_of(*object), damaged);
            assert_eq!(subject.open().missing(&sample.names()).unwrap(), [*object]);
            put(&*remote, *object, bytes).unwrap();
            assert_eq!(subject.open().missing(&sample.names()).unwrap(), []);
        }
    }
}

pub fn refuses_what_a_newer_danlu_wrote(subject: &Subject) {
    let Some(plant) = &subject.plant else { return };
    let remote = subject.open();
    let sample = Sample::run("one", 5, &[]);
    push(&*remote, &sample);
    let key = sample.manifest.run.hash();
    let json = String::from_utf8(sample.manifest.to_json().unwrap()).unwrap();
    let newer = json.replacen("\"version\":1", "\"version\":3", 1);
    plant(&format!("runs/{key}.json"), newer.as_bytes());
    for refused in [remote.manifest_of(key).unwrap_err(), remote.commit(&sample.manifest).unwrap_err()] {
        assert!(refused.to_string().contains("newer than this danlu"), "{refused}");
    }
    let other = Sample::run("two", 5, &[]);
    push(&*remote, &other);
    let listed = remote.runs(None).unwrap();
    assert_eq!(listed.len(), 2, "one that cannot be read hides no other");
    assert!(listed.iter().any(|head| head.key == key && head.records == 0));
}

pub fn removes_runs_and_objects(subject: &Subject) {
    let remote = subject.open();
    let (one, two) = (Sample::run("one", 5, &[b"a"]), Sample::run("two", 5, &[b"b"]));
    push(&*remote, &one);
    push(&*remote, &two);
    let key = one.manifest.run.hash();
    if !subject.removes {
        assert_eq!(remote.remove_run(key).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(remote.remove(&one.names()).unwrap_err().kind(), ErrorKind::Usage);
        return;
    }
    let bytes = large(9);
    for n in 0..3 {
        put_part(&*remote, &bytes, n).unwrap();
    }
    for _ in 0..2 {
        remote.remove_run(key).unwrap();
        remote.remove(&one.names()).unwrap();
        remote.remove(&[blob(&bytes)]).unwrap();
    }
    assert_eq!(subject.open().manifest_of(key).unwrap(), None);
    assert_eq!(subject.open().runs(None).unwrap(), [two.manifest.head()]);
    assert_eq!(remote.missing(&one.names()).unwrap(), one.names());
    assert_eq!(remote.held(sized(&bytes)).unwrap(), 0);
    assert_eq!(remote.missing(&two.names()).unwrap(), []);
    push(&*remote, &one);
}

fn place_of(object: Object) -> String {
    let hash = object.hash().to_string();
    match object {
        Object::Segment(_) => format!("segments/{}/{hash}.zst", &hash[..2]),
        Object::Blob(_) => format!("blobs/{}/{hash}", &hash[..2]),
    }
}

/// An open entry of an attempt that nobody closed.
#[test]
fn open_attempts_of_which_neither_is_an_earlier_state_are_a_conflict() {
    let (a, b) = (Sample::run("one", 20_000, &[]), Sample::run("one", 30_000, &[]));
    let open = |sample: &Sample, records| {
        let entry = &sample.manifest.attempts[0];
        let entry = AttemptEntry::live(a.manifest.attempts[0].attempt, records, entry.segments.clone());
        Manifest::new(a.manifest.run.clone(), vec![entry], Vec::new())
    };
    let (one, two) = (open(&a, 20_002), open(&b, 30_002));
    assert_eq!(one.merge(&two).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(two.merge(&one).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(one.merge(&a.manifest).unwrap(), a.manifest);
    assert_eq!(a.manifest.merge(&one).unwrap(), a.manifest);
    assert_eq!(Manifest::parse(&one.to_json().unwrap()).unwrap(), one);
    assert!(String::from_utf8(one.to_json().unwrap()).unwrap().contains("\"version\":2"));
    let claims = String::from_utf8(one.to_json().unwrap()).unwrap().replace("\"version\":2", "\"version\":1");
    assert!(Manifest::parse(claims.as_bytes()).is_err(), "an older reader would take it for whole");
}
