//! 60: little that becomes much.

use crate::line::Line;
use crate::raw::{ask, ask_from, request, status};
use crate::watched::Watched;

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a frame of zstd begins with, after its magic number.
enum Header {
    /// A window of 128 KiB, and nothing about the length.
    Plain,
    /// A window of two to the power of so many.
    Window(u8),
    /// A length that is claimed.
    Claims(u64),
}

/// Makes a frame of zstd that becomes so many times 128 KiB.
fn frame(header: &Header, blocks: u32) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd];
    match header {
        Header::Plain => frame.extend([0, 7 << 3]),
        Header::Window(log) => frame.extend([0, (log - 10) << 3]),
        Header::Claims(length) => {
            frame.extend([0xc0, 7 << 3]);
            frame.extend(length.to_le_bytes());
        }
    }
    for block in 1..=blocks {
        // A block of one byte, repeated 128 Ki times.
        let head = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
        frame.extend(&head.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

const TEN_GB: u32 = 80 << 10;

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("320 kB that become 10 GB", frame(&Header::Plain, TEN_GB)),
        ("members that become 10 GB together", frame(&Header::Plain, 80).repeat(1024)),
        ("a window of 2 GiB", frame(&Header::Window(31), 8)),
        ("a window of 1 TiB", frame(&Header::Window(40), 8)),
        ("10 bytes claimed, 10 GB there", frame(&Header::Claims(10), TEN_GB)),
        ("an exabyte claimed, 1 MB there", frame(&Header::Claims(1 << 60), 8)),
        ("a frame to skip, longer than the body", vec![0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff, 1]),
        ("a dictionary that nobody has", vec![0x28, 0xb5, 0x2f, 0xfd, 3, 7 << 3, 1, 2, 3, 4, 1, 0, 0]),
        ("half a header", vec![0x28, 0xb5, 0x2f]),
        ("nothing", Vec::new()),
    ]
}

/// 60: segments that are bombs are refused, and the server stays as small as it was.
#[test]
fn f60_a_segment_that_is_a_bomb_is_refused_in_little_memory() {
    let line = Line::new();
    let authorization = line.authorization();
    let server = Watched::new(&line);
    for (name, bomb) in bombs() {
        let answer = ask(
            &line.server.url,
            &request("PUT", &format!("/api/v1/segments/{ZEROS}"), &authorization, &bomb),
        );
        assert_eq!(status(&answer), 400, "{name}: {answer}");
        assert!(answer.contains("is damaged"), "{name}: {answer}");
    }
    server.stayed_within(100, "bombs");
    assert_eq!(crate::support::names(&line.data().join("objects/segments")).len(), 0);
}

/// 60: several at once are no way around.
#[test]
fn f60_bombs_that_come_together_take_little_memory_too() {
    let line = Line::new();
    let authorization = line.authorization();
    let server = Watched::new(&line);
    let bomb =
        request("PUT", &format!("/api/v1/segments/{ZEROS}"), &authorization, &frame(&Header::Plain, TEN_GB));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(status(&ask(&line.server.url, &bomb)), 400));
        }
    });
    server.stayed_within(150, "eight bombs at once");
}

/// 60: who has no key is told so before anything is unpacked or kept.
#[test]
fn f60_the_key_is_asked_for_before_anything_is_unpacked() {
    let line = Line::new();
    let server = Watched::new(&line);
    let large = vec![b' '; 64 << 20];
    for (n, (method, path)) in [
        ("PUT", format!("/api/v1/segments/{ZEROS}")),
        ("PUT", format!("/api/v1/blobs/{ZEROS}")),
        ("PUT", format!("/api/v1/blobs/{ZEROS}?offset=0&size=67108864")),
        ("POST", "/api/v1/objects".to_owned()),
        ("POST", "/api/v1/objects/missing".to_owned()),
        ("POST", "/api/v1/manifests".to_owned()),
        ("POST", "/api/v1/manifests/batch".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        for body in [&frame(&Header::Plain, TEN_GB), &large] {
            let answer = ask(&line.server.url, &request(method, &path, "", body));
            // A refusal may come while the body is still on its way, and be lost with the connection.
            assert!([0, 401, 429].contains(&status(&answer)), "{method} {path}: {answer}");
        }
        let answer = ask_from(n, &line.server.url, &request(method, &path, "", b""));
        assert_eq!(status(&answer), 401, "{method} {path}: {answer}");
    }
    server.stayed_within(32, "bodies without a key");
}

/// 60: a body that says that it is compressed is not unpacked.
#[test]
fn f60_a_compressed_body_is_not_unpacked() {
    let line = Line::new();
    let server = Watched::new(&line);
    for encoding in ["gzip", "zstd", "br", "deflate", "gzip, gzip, gzip"] {
        let headers = format!(
            "{}content-type: application/json\r\ncontent-encoding: {encoding}\r\n",
            line.authorization()
        );
        for path in ["/api/v1/objects/missing", "/api/v1/manifests"] {
            let answer =
                ask(&line.server.url, &request("POST", path, &headers, &frame(&Header::Plain, TEN_GB)));
            assert!([400, 415].contains(&status(&answer)), "{path}: {answer}");
        }
    }
    server.stayed_within(32, "compressed bodies");
}

/// Makes a frame of `POST /objects`: kind, hash, length, bytes.
fn object(kind: u8, hash: [u8; 32], length: u32, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &hash, &length.to_le_bytes(), bytes].concat()
}

/// 60: a body of many objects in which lengths, kinds, hashes or contents lie, or that breaks off anywhere.
#[test]
fn f60_objects_that_come_together_are_each_what_they_say() {
    let line = Line::new();
    let headers = line.authorization();
    let server = Watched::new(&line);
    let send =
        |body: &[u8]| status(&ask(&line.server.url, &request("POST", "/api/v1/objects", &headers, body)));
    let (content, bomb) = (b"a small file".as_slice(), frame(&Header::Plain, TEN_GB));
    let (hash, length) = (danlu::model::Hash::of(content).0, u32::try_from(content.len()).unwrap());
    let other = object(1, danlu::model::Hash::of(b"x").0, 1, b"x");
    for (name, body) in [
        ("another content", object(1, [0; 32], length, content)),
        ("a length of 4 GiB", object(1, hash, u32::MAX, content)),
        ("a length that is one too many", object(1, hash, length + 1, content)),
        ("a length that is one too few", object(1, hash, length - 1, content)),
        ("a kind that there is not", object(2, hash, length, content)),
        ("a file called a segment", object(0, hash, length, content)),
        ("a bomb", object(0, [0; 32], u32::try_from(bomb.len()).unwrap(), &bomb)),
        ("a million empty frames", object(0, [0; 32], 0, b"").repeat(1_000_000)),
        ("ends after the first", [object(1, hash, length, content), vec![1, 2, 3]].concat()),
        ("is a database", b"SQLite format 3\0".repeat(100)),
    ] {
        let status = send(&body);
        assert!([0, 400, 413].contains(&status), "{name}: {status}");
    }
    let whole = [object(1, hash, length, content), other].concat();
    for cut in (1..whole.len()).filter(|cut| *cut != whole.len() - 38) {
        assert_eq!(send(&whole[..cut]), 400, "{cut}");
    }
    assert_eq!(send(&whole), 204);
    server.stayed_within(100, "frames that lie");
}
