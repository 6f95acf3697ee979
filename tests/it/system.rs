//! What a run holds of the machine.

use crate::support::{Place, ask};
use danlu::Run;

#[test]
fn samples_are_in_the_view_system_and_not_in_the_history() {
    let place = Place::new();
    let run = Run::builder("mnist").id("abc").dir(place.path()).start().unwrap();
    let sample =
        |cpu: f64| vec![("gpu.0.gpu".to_owned(), 3.0), ("cpu".to_owned(), cpu), ("x".to_owned(), f64::NAN)];
    run.log([("cpu", 1.0)]);
    run.log_system(&sample(10.0));
    run.log_system(&sample(20.0));
    run.log_system(&[]);
    assert_eq!(run.step(), 1);
    assert_eq!(run.logged(), (1, Some(0)));
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    let one = |query: &str| ask::<f64>(&path, query);
    assert_eq!(one("SELECT sum(value) FROM system WHERE key = 'cpu'"), 30.0);
    assert_eq!(one("SELECT count(*) + 0.0 FROM system"), 6.0);
    assert_eq!(one("SELECT sum(value) FROM history"), 1.0);
    assert_eq!(one("SELECT max(value) FROM summary"), 1.0);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}
