/* SPDX-License-Identifier: Apache-2.0 */
/* firn.h — the whole public interface: an append-only ledger engine. One noun, one header. */
#ifndef FIRN_H
#define FIRN_H

#include "firn/batch.h"
#include "firn/content.h"
#include "firn/digest.h"
#include "firn/event.h"
#include "firn/ledger.h"
#include "firn/record.h"
#include "firn/release.h"
#include "firn/run.h"
#include "firn/status.h"
#include "firn/ticket.h"
#include "firn/time.h"
#include "firn/types.h"
#include "firn/view.h"

#endif
