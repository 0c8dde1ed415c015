//! What the service has seen, and what is ordered to go wrong in it.

use std::time::Duration;

use adverts::{STEPS, Seed};

use crate::stage::{Stage, within};

/// One piece of work that the service has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) step: String,
    pub(crate) variant: Option<String>,
    /// `done`, `failed` or `fenced`, once it has ended.
    pub(crate) ending: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) begun: i64,
    pub(crate) ended: Option<i64>,
}

const WORKS: &str = "SELECT step, job_variants_id::text, ending,
    (extract(epoch FROM begun_at) * 1000)::bigint, (extract(epoch FROM ended_at) * 1000)::bigint
    FROM claims WHERE job_id = $1::uuid ORDER BY number";
const ORDER: &str =
    "INSERT INTO faults (step, job_variants_id, kind, times) VALUES ($1, $2::uuid, $3, $4)";

/// The names of the eight steps of a variant, in order.
pub(crate) fn chain() -> Vec<&'static str> {
    let of_variant = STEPS.iter().filter(|step| !step.of_job);
    of_variant.map(|step| step.name).collect()
}

impl Stage {
    /// Every piece of work of a job, in the order in which it began.
    pub(crate) async fn works(&self, seed: &Seed) -> Vec<Work> {
        type Row = (String, Option<String>, Option<String>, i64, Option<i64>);
        let rows: Vec<Row> = sqlx::query_as(WORKS)
            .bind(&seed.job)
            .fetch_all(self.database.pool())
            .await
            .unwrap();
        let work = |(step, variant, ending, begun, ended)| Work {
            step,
            variant,
            ending,
            begun,
            ended,
        };
        rows.into_iter().map(work).collect()
    }

    /// The work of one step of one variant.
    pub(crate) async fn works_of(&self, seed: &Seed, step: &str, variant: usize) -> Vec<Work> {
        let mut works = self.works(seed).await;
        let variant = Some(seed.variants[variant].clone());
        works.retain(|work| work.step == step && work.variant == variant);
        works
    }

    /// Waits until the service is as it should be.
    pub(crate) async fn service_is(
        &self,
        what: &str,
        seed: &Seed,
        reached: impl Fn(&[Work]) -> bool,
    ) -> Vec<Work> {
        let looking = async {
            loop {
                let works = self.works(seed).await;
                if reached(&works) {
                    return works;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(what, looking).await
    }

    /// Orders a fault of a step, of one variant or of all.
    pub(crate) async fn order(&self, step: &str, variant: Option<&str>, kind: &str, times: i32) {
        let order = sqlx::query(ORDER).bind(step).bind(variant);
        let order = order.bind(kind).bind(times);
        order.execute(self.database.pool()).await.unwrap();
    }

    /// Takes every order back; what hangs goes on.
    pub(crate) async fn take_orders_back(&self) {
        self.run("DELETE FROM faults").await;
    }

    pub(crate) async fn run(&self, statement: &'static str) {
        sqlx::raw_sql(statement)
            .execute(self.database.pool())
            .await
            .unwrap();
    }
}

/// All steps were done once, each variant in order, the steps of the job after the last variant.
pub(crate) fn assert_whole(works: &[Work], seed: &Seed) {
    assert_eq!(works.len(), 26, "{works:#?}");
    assert!(
        works
            .iter()
            .all(|work| work.ending.as_deref() == Some("done"))
    );
    for variant in &seed.variants {
        let own = works
            .iter()
            .filter(|work| work.variant.as_ref() == Some(variant));
        let own: Vec<&Work> = own.collect();
        let steps: Vec<&str> = own.iter().map(|work| work.step.as_str()).collect();
        assert_eq!(steps, chain(), "variant {variant}");
        for pair in own.windows(2) {
            assert!(pair[0].ended.unwrap() <= pair[1].begun, "{pair:#?}");
        }
    }
    let last = works.iter().filter(|work| work.step == "iou_eval");
    let last = last.filter_map(|work| work.ended).max().unwrap();
    let [copy, post] = &works[24..] else {
        panic!("{works:#?}")
    };
    assert_eq!(
        (&*copy.step, &*post.step),
        ("ad_copy_gen_kor", "instagram_feed_gen")
    );
    assert!(copy.begun >= last && post.begun >= copy.ended.unwrap());
}
