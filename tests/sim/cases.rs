//! Single cases that the simulator has found, of the planner alone.

use crate::count::Counts;
use crate::place::failure;
use crate::world::SECOND;
use danlu::ErrorKind::{Denied, Unreachable};
use danlu::model::AttemptId;
use danlu::sync::plan::{Failure, Gate, Health, Moment, Policy};

const US: AttemptId = AttemptId([1; 16]);

#[test]
fn a_remote_that_is_gone_while_a_key_is_refused_is_waited_for() {
    let policy = Policy::default();
    let at = |now| Moment { policy: &policy, now, random: 0 };
    let mut health = Health::default();
    health.identified(US);
    health.looked(SECOND);
    // Two steps are under way. One run may not be pushed with this key; then the remote goes away.
    health.failed(&failure(Denied, "403"), at(2 * SECOND));
    assert_eq!(health.gate(&policy, 2 * SECOND), Gate::Identify);
    health.failed(&failure(Unreachable, "reset"), at(3 * SECOND));
    assert!(matches!(health.gate(&policy, 3 * SECOND), Gate::WaitUntil(time) if time > 3 * SECOND));
    // Answers to what was asked before that end no wait.
    health.identified(US);
    health.succeeded(3 * SECOND);
    let Gate::WaitUntil(time) = health.gate(&policy, 3 * SECOND) else { panic!("it does not wait") };
    assert_eq!(health.gate(&policy, time), Gate::Open);
}

#[test]
fn what_fails_together_counts_once() {
    let policy = Policy::default();
    let at = |now| Moment { policy: &policy, now, random: u32::MAX };
    let mut health = Health::default();
    health.identified(US);
    health.failed(&failure(Unreachable, "reset"), at(SECOND));
    let gate = health.gate(&policy, SECOND);
    for _ in 0..7 {
        health.failed(&failure(Unreachable, "reset"), at(SECOND));
    }
    assert_eq!(health.gate(&policy, SECOND), gate);
}

#[test]
fn that_nothing_is_to_be_looked_for_is_no_answer_of_the_remote() {
    let policy = Policy::default();
    let at = |now| Moment { policy: &policy, now, random: u32::MAX };
    let mut health = Health::default();
    let mut waits = Vec::new();
    for pass in 1..4 {
        // It says who it is each time, and then takes nothing.
        let now = pass * 100 * SECOND;
        health.identified(US);
        health.need_not_look(now);
        health.failed(&failure(Unreachable, "507"), at(now));
        let Gate::WaitUntil(time) = health.gate(&policy, now) else { panic!("it does not wait") };
        waits.push(time - now);
    }
    assert!(waits.is_sorted_by(|a, b| a + a / 2 < *b), "{waits:?}");
}

#[test]
fn what_is_never_hit_is_told_and_so_is_what_nobody_expects() {
    let (mut seed, mut all) = (Counts::default(), Counts::default());
    seed.hit("fault: crash");
    seed.hit("fault: nobody listed it");
    all.add(&seed);
    let gaps = all.gaps();
    let told = |what: &str| gaps.iter().any(|gap| gap == what);
    assert!(!told("fault: crash"));
    assert!(told("fault: reply lost") && told("pushed → doubted"));
    assert!(told("unlisted: fault: nobody listed it"));
}

#[test]
fn a_remote_that_is_full_is_waited_for_longer_each_time_though_it_answers() {
    let policy = Policy::default();
    let at = |now| Moment { policy: &policy, now, random: u32::MAX };
    let full = Failure { full: true, ..failure(Unreachable, "507") };
    let mut health = Health::default();
    health.identified(US);
    health.looked(SECOND);
    let mut now = SECOND;
    let wait = |health: &mut Health, now: &mut i64| {
        health.failed(&full, at(*now));
        let Gate::WaitUntil(time) = health.gate(&policy, *now) else { panic!("it does not wait") };
        let waited = time - std::mem::replace(now, time);
        assert_eq!(health.gate(&policy, *now), Gate::Identify);
        health.identified(US);
        // It says what it lacks: that takes no room.
        health.succeeded(*now);
        waited
    };
    let waits: Vec<i64> = (0..4).map(|_| wait(&mut health, &mut now)).collect();
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    health.took(now);
    assert_eq!(wait(&mut health, &mut now), waits[0], "there was room meanwhile");
}
