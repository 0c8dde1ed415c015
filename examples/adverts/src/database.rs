//! The database of the service: its tables, and jobs to try it with.

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::error::AdvertError;

const SCHEMA: &str = include_str!("../schema.sql");
const JOB: &str =
    "INSERT INTO jobs (job_id, tenant_id) VALUES (gen_random_uuid(), $1) RETURNING job_id::text";
const VARIANT: &str = "INSERT INTO jobs_variants (job_variants_id, job_id, creation_order, status)
    VALUES (gen_random_uuid(), $1::uuid, $2, 'running') RETURNING job_variants_id::text";
const IMAGES_DONE: &str =
    "UPDATE jobs_variants SET status = 'done' WHERE job_id = $1::uuid AND current_step = 'img_gen'";
const TEXTS_DONE: &str = "INSERT INTO txt_ad_copy_generations (job_id, generation_stage, status, text)
    VALUES ($1::uuid, 'kor_to_eng', 'done', 'Handmade soap'), ($1::uuid, 'ad_copy_eng', 'done', 'Soap that smells of spring')
    ON CONFLICT (job_id, generation_stage) DO UPDATE SET status = 'done'";

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
}

/// A job that was made to try the pipeline with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Its id.
    pub job: String,
    /// Its tenant.
    pub tenant: String,
    /// The ids of its variants, by creation order.
    pub variants: Vec<String>,
}

impl Database {
    /// Reaches it, and makes the tables that are missing.
    ///
    /// # Errors
    /// It cannot be reached, or the tables not be made.
    pub async fn open(url: &str) -> Result<Self, AdvertError> {
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .connect(url)
            .await
            .map_err(AdvertError::database("reaching the database"))?;
        sqlx::raw_sql(SCHEMA)
            .execute(&pool)
            .await
            .map_err(AdvertError::database("making the tables"))?;
        Ok(Self { pool })
    }

    /// Its sessions.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Makes a job whose images are not done yet, so that its start condition does not hold.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn seed(&self, tenant: &str, variants: u32) -> Result<Seed, AdvertError> {
        let failed = || AdvertError::database("making a job");
        let mut transaction = self.pool.begin().await.map_err(failed())?;
        let job: String = sqlx::query_scalar(JOB)
            .bind(tenant)
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed())?;
        let mut ids = Vec::new();
        for order in 0..variants {
            let variant = sqlx::query_scalar(VARIANT)
                .bind(&job)
                .bind(i64::from(order));
            ids.push(
                variant
                    .fetch_one(&mut *transaction)
                    .await
                    .map_err(failed())?,
            );
        }
        transaction.commit().await.map_err(failed())?;
        Ok(Seed {
            job,
            tenant: tenant.to_owned(),
            variants: ids,
        })
    }

    /// Ends the images and texts of a job, as their makers do: its start condition holds from now on.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn release(&self, job: &str) -> Result<(), AdvertError> {
        for statement in [IMAGES_DONE, TEXTS_DONE] {
            sqlx::query(statement)
                .bind(job)
                .execute(&self.pool)
                .await
                .map_err(AdvertError::database("releasing a job"))?;
        }
        Ok(())
    }
}
