//! What the database itself notes of a campaign: who raised the epoch, and who committed under it.

use noctule_test_postgres::Database;
use sqlx::Row as _;

use crate::error::CampaignError;

/// Engines on one database, each with a role of its own.
pub(crate) const SEATS: usize = 3;
/// Who updates the row of the epoch, in the order in which they do it.
const NOTES: &str = "\
    CREATE TABLE public.campaign_notes (n bigint GENERATED ALWAYS AS IDENTITY, epoch bigint, raised boolean, who text, \
        at timestamptz DEFAULT clock_timestamp()); \
    CREATE FUNCTION public.campaign_note() RETURNS trigger AS $$ BEGIN \
        INSERT INTO public.campaign_notes (epoch, raised, who) VALUES (NEW.epoch, NEW.epoch > OLD.epoch, session_user); \
        RETURN NULL; END $$ LANGUAGE plpgsql; \
    CREATE TRIGGER campaign_note AFTER UPDATE ON noctule.store FOR EACH ROW EXECUTE FUNCTION public.campaign_note()";
const BACKWARDS: &str = "SELECT count(*) FROM (SELECT epoch, lag(epoch) OVER (ORDER BY n) AS before \
    FROM public.campaign_notes) AS pairs WHERE epoch < before";
const SHARED: &str = "SELECT count(*) FROM (SELECT epoch FROM public.campaign_notes GROUP BY epoch \
    HAVING count(DISTINCT who) > 1 OR count(*) FILTER (WHERE raised) <> 1) AS shared";
const EPOCHS: &str = "SELECT count(*) FILTER (WHERE raised), count(*), count(DISTINCT who) FROM public.campaign_notes";

/// Makes the roles, and has the database take notes.
pub(crate) async fn prepare(database: &Database) -> Result<(), CampaignError> {
    let pool = database.pool().await?;
    for number in 0..SEATS {
        let role = format!("CREATE ROLE engine{number} SUPERUSER LOGIN");
        sqlx::raw_sql(sqlx::AssertSqlSafe(role))
            .execute(&pool)
            .await?;
    }
    sqlx::raw_sql(NOTES).execute(&pool).await?;
    Ok(())
}

/// Epochs that went back, epochs of several holders; epochs, commits and holders in all.
pub(crate) async fn notes(database: &Database) -> Result<[i64; 5], CampaignError> {
    let pool = database.pool().await?;
    let backwards = sqlx::query_scalar(BACKWARDS).fetch_one(&pool).await?;
    let shared = sqlx::query_scalar(SHARED).fetch_one(&pool).await?;
    let all = sqlx::query(EPOCHS).fetch_one(&pool).await?;
    Ok([
        backwards,
        shared,
        all.try_get(0)?,
        all.try_get(1)?,
        all.try_get(2)?,
    ])
}
