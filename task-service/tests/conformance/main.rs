//! The promises of `TaskStore`, each a case that is written once and run on every engine.
//!
//! A case is an `async fn(World)`; it is listed once in `on_engine!`. An engine is one line at the end of this
//! file. An engine that cannot keep a promise opts out by name and reason in [`OPT_OUTS`].

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

mod batches;
mod changes;
mod creation;
mod durability;
mod erasure;
mod following;
mod isolation;
mod one;
mod pages;
mod queries;
mod requests;
mod sequence;
mod statistics;
mod trash;
mod world;

/// Engine, case, and why it is left out. Empty is how it should stay.
const OPT_OUTS: &[(&str, &str, &str)] = &[];

/// Lists every case under the name of an engine.
macro_rules! on_engine {
    ($engine:ident = $database:ty) => {
        on_engine! { $engine = $database;
            changes::a_change_reaches_the_fields_it_names,
            changes::completion_has_a_time,
            changes::what_changes_nothing_leaves_no_trace,
            changes::an_etag_must_match_exactly,
            changes::of_parallel_changes_none_is_lost,
            changes::of_parallel_changes_of_one_etag_one_wins,
            changes::what_is_only_checked_leaves_no_trace,
            creation::a_task_comes_back_exactly_as_it_was_stored,
            creation::an_id_is_taken_once_by_each_owner,
            creation::parallel_creations_of_one_id_make_one_task,
            creation::what_is_only_checked_is_not_created,
            durability::what_was_acknowledged_is_there_after_reopening,
            durability::the_token_key_is_made_once,
            erasure::nothing_is_left_of_an_erased_owner,
            erasure::nothing_is_written_for_an_erased_owner,
            erasure::an_erasure_goes_on_where_it_was_cut_off,
            erasure::an_erasure_beside_creations_leaves_nothing,
            isolation::another_owners_task_is_one_that_nobody_has,
            isolation::equal_ids_are_different_tasks,
            pages::every_task_is_listed_once_newest_first,
            pages::tasks_that_come_and_go_move_no_others,
            pages::a_filter_leaves_out_the_other_state,
            pages::a_list_says_how_far_it_was_read,
            sequence::a_hundred_parallel_creations_leave_no_gap,
            sequence::a_hundred_owners_each_begin_at_one,
            sequence::refusals_use_no_number,
            requests::of_parallel_repetitions_one_has_its_effect,
            requests::a_repetition_gets_the_first_outcome_whatever_came_after,
            requests::an_id_means_one_request,
            requests::a_refusal_is_not_remembered,
            requests::requests_are_remembered_for_a_day_and_then_forgotten,
            requests::an_erased_owner_leaves_no_request,
            trash::a_deleted_task_can_only_be_read,
            trash::a_deleted_task_comes_back_as_it_was,
            trash::what_was_deleted_for_thirty_days_is_purged_and_nothing_else,
            trash::much_is_purged_in_bounded_steps,
            trash::an_erased_owner_leaves_nothing_to_purge,
            changes::a_toggle_undoes_itself,
            batches::a_batch_is_done_in_its_order,
            batches::of_a_batch_that_is_refused_nothing_is_done,
            batches::a_batch_too_large_to_answer_is_not_done,
            batches::a_repeated_batch_gets_the_first_outcome,
            batches::an_import_creates_what_is_not_there,
            following::what_changed_comes_once_in_the_order_of_its_last_change,
            following::a_follower_beside_writers_misses_nothing,
            following::what_was_purged_is_told_by_the_position,
            following::announcements_are_heard_in_their_order,
            queries::what_is_listed_is_what_a_model_picks_and_sorts,
            queries::a_search_finds_whatever_the_case_and_the_accents,
            statistics::what_is_due_is_counted_by_days_and_moments,
            statistics::totals_follow_every_change,
        }
    };
    ($engine:ident = $database:ty; $($module:ident::$case:ident,)*) => {
        mod $engine {
            $(
                #[tokio::test]
                async fn $case() {
                    let name = concat!(stringify!($module), "::", stringify!($case));
                    if let Some(reason) = crate::opted_out(stringify!($engine), name) {
                        println!("{name} is left out: {reason}");
                        return;
                    }
                    crate::$module::$case(crate::world::World::open::<$database>().await).await;
                }
            )*
        }
    };
}

fn opted_out(engine: &str, case: &str) -> Option<&'static str> {
    let entry = OPT_OUTS.iter().find(|entry| (entry.0, entry.1) == (engine, case));
    entry.map(|(_, _, reason)| *reason)
}

on_engine!(sqlite = crate::world::Sqlite);
on_engine!(postgres = crate::world::Postgres);
on_engine!(postgres_pooled = crate::world::PooledPostgres);
