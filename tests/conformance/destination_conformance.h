#pragma once
// The suite that every Destination passes: openings, changes, copies, shapes, and a random history with crashes.
#include "conformance/destination_changes.h"
#include "conformance/destination_copies.h"
#include "conformance/destination_history.h"
#include "conformance/destination_openings.h"
#include "conformance/destination_shapes.h"
