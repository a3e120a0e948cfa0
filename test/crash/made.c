/* SPDX-License-Identifier: Apache-2.0 */
/* made.c — which crashes a disk may meet: one by dice, or every one. */
#include "test/crash/recover.h"

enum {
    SUBSETS_MAX = 8 /* Of so many open effects every subset is made. */
};

crash_made crash_choose(dice *with, const disk *d)
{
    crash_made made = {.open_effects = disk_open_effects(d)};
    disk_cut_plan *plan = &made.plan;
    uint64_t roll = dice_roll(with, 24);

    plan->seed = dice_next(with);
    if (roll < 4) {
        made.how = MADE_BY_DEATH;
        made.late = (disk_late)dice_roll(with, 3);
        return made;
    }
    if (made.open_effects > 0) {
        plan->rest = (disk_rest)dice_roll(with, 3);
        plan->number = dice_roll(with, made.open_effects);
        plan->sector = (unsigned)dice_roll(with, disk_effect_sectors(d, (unsigned)plan->number) + 1);
        if (roll < 5) {
            plan->how = DISK_CUT_ALL;
        } else if (roll < 8) {
            plan->how = DISK_CUT_PREFIX;
        } else if (roll < 12) {
            plan->how = DISK_CUT_MASK;
            plan->number = dice_next(with);
        } else if (roll < 16) {
            plan->how = DISK_CUT_TORN;
        } else if (roll < 19) {
            plan->how = DISK_CUT_HOLED;
        } else if (roll < 20) {
            plan->how = dice_chance(with, 2) ? DISK_CUT_SIZES : DISK_CUT_NAMES;
        } else if (roll < 23) {
            plan->how = DISK_CUT_RANDOM;
        }
    }
    return made;
}

disk *crash_make(const disk *d, const crash_made *made)
{
    return made->how == MADE_BY_DEATH ? disk_die(d, made->late, made->plan.seed) : disk_cut(d, &made->plan);
}

/* Numbers the crashes that it passes on. */
typedef struct passing {
    crash_fn fn;
    void *arg;
    unsigned open_effects;
    uint32_t index;
} passing;

static void pass(passing *p, disk_cut_plan plan)
{
    crash_made made = {.plan = plan, .open_effects = p->open_effects};

    p->fn(p->arg, p->index++, &made);
}

static void pass_sectors(passing *p, const disk *d, unsigned effect)
{
    unsigned sectors = disk_effect_sectors(d, effect);

    for (unsigned sector = 0; sector < sectors; sector++) {
        for (int rest = DISK_REST_OLD; rest <= DISK_REST_GARBAGE; rest++) {
            disk_cut_plan plan = {.number = effect, .sector = sector, .rest = (disk_rest)rest, .seed = sector};

            plan.how = DISK_CUT_TORN;
            pass(p, plan);
            plan.how = DISK_CUT_HOLED;
            pass(p, plan);
        }
    }
}

void crash_every(const disk *d, crash_fn fn, void *arg)
{
    passing p = {.fn = fn, .arg = arg, .open_effects = disk_open_effects(d)};
    bool few = p.open_effects <= SUBSETS_MAX;

    pass(&p, (disk_cut_plan){.how = DISK_CUT_NONE});
    pass(&p, (disk_cut_plan){.how = DISK_CUT_ALL});
    pass(&p, (disk_cut_plan){.how = DISK_CUT_SIZES});
    pass(&p, (disk_cut_plan){.how = DISK_CUT_NAMES});
    for (uint64_t mask = 1; few && mask < (UINT64_C(1) << p.open_effects) - 1; mask++) {
        pass(&p, (disk_cut_plan){.how = DISK_CUT_MASK, .number = mask});
    }
    for (unsigned i = 0; i < p.open_effects; i++) {
        if (!few) {
            pass(&p, (disk_cut_plan){.how = DISK_CUT_PREFIX, .number = i});
            pass(&p, (disk_cut_plan){.how = DISK_CUT_MASK, .number = ~(UINT64_C(1) << (i % 64))});
        }
        pass_sectors(&p, d, i);
    }
    for (int late = DISK_LATE_RESOLVED; late <= DISK_LATE_FREE; late++) {
        crash_made made = {
            .how = MADE_BY_DEATH, .late = (disk_late)late, .plan.seed = 1, .open_effects = p.open_effects};

        fn(arg, p.index++, &made);
    }
}
