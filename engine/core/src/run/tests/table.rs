//! The board agrees with the states that it is an index of, whatever happens.

use super::world::{Engine, World, dag, task};
use crate::run::{Board, Limits, TaskRunIx};

#[test]
fn a_board_that_looked_at_every_change_is_the_board_built_anew() {
    let dag = dag(vec![
        task("a", &[], |_| {}),
        task("b", &["a"], |_| {}),
        task("c", &["a"], |_| {}),
    ]);
    let mut engine = Engine::new(&dag, World::default()).slots(1);
    let mut followed = Board::default();
    for second in 1..20 {
        engine.until(second);
        followed.look_run(&engine.run);
        let mut anew = Board::default();
        anew.look_run(&engine.run);
        for ix in (0..3).map(TaskRunIx) {
            followed.look(&dag, &engine.run, ix);
            anew.look(&dag, &engine.run, ix);
        }
        let limits = Limits::of_slots(16);
        assert_eq!(followed.admissible(limits), anew.admissible(limits));
        assert_eq!(followed.next_due(), anew.next_due());
        assert_eq!(followed.holding().len(), anew.holding().len());
    }
}
