//! Foreign DNS clients against `quorate serve`: `nsupdate` and `dig` of BIND.

mod bench;
mod first_start;
mod queries;
mod signatures;
mod updates;

use std::path::Path;
use std::process::ExitCode;

use quorate_needs::Need;
use quorate_tests::sandboxed::{self, Case};

const CASES: [Case; 18] = [
    case("nsupdate_is_trusted_by_its_address", updates::by_address),
    case("every_prerequisite_form_decides", updates::prerequisites),
    case("every_form_of_update_changes_what_it_says", updates::forms),
    case("the_apex_survives", updates::apex),
    case("updates_of_elsewhere_are_refused", updates::elsewhere),
    case("large_updates_take_tcp", updates::large),
    case("signed_updates_do_what_their_key_may", signatures::updates),
    case(
        "wrong_keys_and_secrets_are_refused_by_name",
        signatures::strangers,
    ),
    case("signed_queries_get_signed_answers", signatures::queries),
    case(
        "zones_are_transferred_to_those_who_may",
        signatures::transfers,
    ),
    case("srv_answers_bring_all_addresses", queries::srv),
    case("what_does_not_fit_comes_by_tcp", queries::truncation),
    case("edns_as_it_is_asked_for", queries::edns),
    case("mixed_case_comes_back", queries::case),
    case("negative_answers_are_short", queries::negative),
    case("odd_questions_get_the_answer_for_them", queries::oddities),
    case(
        "a_first_start_makes_a_directory_and_a_key",
        first_start::makes_its_directory,
    ),
    case(
        "a_first_start_needs_no_devices",
        first_start::needs_no_devices,
    ),
];

const fn case(name: &'static str, run: fn(&Path)) -> Case {
    const NEEDS: &[Need] = &[Need::Program("nsupdate"), Need::Program("dig")];
    Case {
        name,
        needs: NEEDS,
        run,
    }
}

fn main() -> ExitCode {
    sandboxed::main(&CASES)
}
