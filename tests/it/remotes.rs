//! What every remote must do: one list of checks, and each sort of remote that passes it.

mod buckets;
mod checks;
pub mod hooked;
pub mod s3;
pub mod sample;
mod ssh;

use crate::support::Place;
use danlu::remote::{Bucket, Remote};
use object_store::ObjectStoreExt;
use s3::{Conditions, S3};
use ssh::Sshd;
use std::path::PathBuf;
use std::sync::Arc;

type Open = Box<dyn Fn() -> Box<dyn Remote> + Send + Sync>;
type Plant = Box<dyn Fn(&str, &[u8]) + Send + Sync>;

/// A remote to check, empty at first, as several who use it see it.
pub struct Subject {
    /// Opens it, as another process would.
    open: Open,
    /// Writes bytes at a place of its layout, behind its back.
    plant: Option<Plant>,
    /// It finds out about objects that were damaged behind its back.
    checks_content: bool,
    /// It removes runs and objects on demand.
    removes: bool,
}

impl Subject {
    fn open(&self) -> Box<dyn Remote> {
        (self.open)()
    }
}

/// Makes a test of every check for a sort of remote.
macro_rules! conforms {
    ($($remote:ident)*) => { $( conforms!(@checks $remote:
        has_an_identity_that_stays
        takes_an_object_once_and_again
        refuses_bytes_that_are_not_those_of_the_name
        takes_many_small_objects
        takes_a_large_blob_in_parts_and_goes_on_with_it
        takes_a_large_blob_from_two_at_once
        refuses_parts_that_leave_a_gap_or_are_of_something_else
        takes_the_same_object_from_many_at_once
        gives_an_object_from_an_offset
        answers_about_many_objects
        commits_and_says_what_it_holds
        keeps_all_attempts_that_are_committed_at_once
        refuses_a_commit_that_lacks_an_object
        refuses_another_content_of_an_attempt
        follows_a_run_that_is_written
        commits_many_runs_and_says_how_each_went
        lists_its_runs_in_order
        finds_damaged_objects
        refuses_what_a_newer_danlu_wrote
        removes_runs_and_objects
    ); )* };
    (@checks $remote:ident: $($check:ident)*) => {
        mod $remote {
            $( #[test] fn $check() { super::checks::$check(&super::$remote()); } )*
        }
    };
}

conforms!(memory directory bucket_in_memory bucket_of_s3 over_ssh);

fn memory() -> Subject {
    let memory = sample::memory("memory");
    let open = move || -> Box<dyn Remote> { Box::new(memory.clone()) };
    Subject { open: Box::new(open), plant: None, checks_content: false, removes: true }
}

fn directory() -> Subject {
    let place = Place::new();
    let root = place.join("remote");
    let open = move || {
        danlu::remote::open(place.join("remote").to_str().unwrap(), &danlu::remote::Options::default())
            .unwrap()
    };
    Subject { plant: Some(plant_in(root)), ..on_disk(open) }
}

fn bucket_in_memory() -> Subject {
    let store = Arc::new(object_store::memory::InMemory::new());
    let planted = Arc::clone(&store);
    let open = move || -> Box<dyn Remote> {
        Box::new(Bucket::new("memory://", Arc::clone(&store) as Arc<_>, "place", false).unwrap())
    };
    let plant = move |place: &str, bytes: &[u8]| {
        let path = object_store::path::Path::from(format!("place/{place}"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(planted.put(&path, bytes.to_vec().into())).unwrap();
    };
    Subject { open: Box::new(open), plant: Some(Box::new(plant)), checks_content: false, removes: true }
}

fn bucket_of_s3() -> Subject {
    let s3 = S3::start(Conditions::Kept);
    let plant = plant_in(s3.files().join("place"));
    let open = move || -> Box<dyn Remote> { Box::new(s3::bucket(&s3.address("place"))) };
    Subject { open: Box::new(open), plant: Some(plant), checks_content: false, removes: true }
}

fn over_ssh() -> Subject {
    let sshd = Sshd::start();
    let plant = plant_in(sshd.place.join("remote"));
    let open = move || danlu::remote::open(&sshd.address("remote"), &sshd.options()).unwrap();
    Subject { plant: Some(plant), ..on_disk(open) }
}

fn on_disk(open: impl Fn() -> Box<dyn Remote> + Send + Sync + 'static) -> Subject {
    Subject { open: Box::new(open), plant: None, checks_content: true, removes: true }
}

fn plant_in(root: PathBuf) -> Plant {
    Box::new(move |place, bytes| {
        let path = root.join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    })
}
