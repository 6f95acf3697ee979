//! A server that stops in the middle of an answer.

use danlu::model::Hash;
use danlu::remote::{Http, Object, Remote};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn a_download_of_which_nothing_more_comes_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        assert!(client.read(&mut asked).unwrap() > 0);
        client.write_all(b"HTTP/1.1 200 OK\r\ndanlu-version: 0\r\ncontent-length: 1000\r\n\r\nabc").unwrap();
        // It stays until the client goes.
        while client.read(&mut asked).is_ok_and(|read| read > 0) {}
    });
    let remote = Http::new(&address, None).unwrap().with_timeout(Duration::from_millis(300)).unwrap();
    let mut answer = remote.get(Object::Blob(Hash::of(b"x")), 0).unwrap();
    let mut bytes = Vec::new();
    assert!(answer.read_to_end(&mut bytes).is_err());
    assert_eq!(bytes, b"abc");
    drop((answer, remote));
    server.join().unwrap();
}
