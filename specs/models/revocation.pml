/*
 * The protocol of revocation lists (specs/revocation.md), for Spin. README.md says what it shows
 * and check.py runs it. Numbers in comments are sections: 5.6 is step 6 of section 5, and S7.2 is
 * 7.2 of specs/service.md.
 *
 * One token is revoked. A publisher keeps a log and signs heads and snapshots of it; a network
 * keeps all that was ever signed and gives a view what it likes; a server asks the view whether
 * the token is admitted. Hashes and signatures are perfect: a place in the log is its hash, and
 * what nobody signed does not exist.
 */

/* ---- Time. Two units stand for the 60 s that clocks may differ. ---- */

#define SKEW 2          /* 5.5 and 6 */
#define GRACE 2         /* 4 */
#define FRESH_FOR 3     /* fresh_until - issued_at */
#define IRREVERSIBLE 1  /* the limit of an effect that is stricter than fresh_until ... */
#define READ 4          /* ... and of one that is laxer */
#ifndef EXPIRES
#define EXPIRES 4       /* when the token dies by itself: the `until` of its entry */
#endif
#define SHORTER 1       /* the `until` of a second entry for it */
#ifndef LAST
#define LAST 8          /* the last moment that there is */
#endif

/* What a verifier's clock shows: time - BEHIND to time + AHEAD, anew whenever it is asked. */
#ifndef BEHIND
#define BEHIND SKEW
#endif
#ifndef AHEAD
#define AHEAD 1
#endif
/* ... and how much of that the claim about lateness allows for. */
#ifndef LAG
#define LAG BEHIND
#endif
/* The publisher's: time to time + EARLY. */
#ifndef EARLY
#define EARLY 0
#endif
#ifndef VIEWS
#define VIEWS 1
#endif

/* ---- What else may happen, if it is defined. ----
 *
 * RESTORED       the publisher's store is set back to a backup, once
 * KEEPS_ITS_LOG  and it never compacts: each of its snapshots is of the empty log
 * THIEF          the list key is stolen; RUNNING_ONLY: the claims are about views that run on
 */

/* ---- Rules: -DWITHOUT=... takes one out, -DAND=... another. ---- */

#define GREATEST_UNTIL 1        /* 2 */
#define NOT_BEFORE_UNTIL 2      /* 4 */
#define GRACE_AFTER_UNTIL 3     /* 4 */
#define FLOOR_ON_DISK 4         /* 5 */
#define OWN_FLOOR 5             /* 5 */
#define EMPTY_START 6           /* 5 */
#define SIGNED_HEAD 7           /* 5.2 */
#define SIGNED_SNAPSHOT 8       /* 5.2 */
#define FUTURE_HEAD 9           /* 5.5 */
#define FUTURE_SNAPSHOT 10      /* 5.5 */
#define FLOOR_NUMBER 11         /* 5.6 */
#define FLOOR_TIME 12           /* 5.6 */
#define TAKEN_BEFORE_HEAD 13    /* 5.6 */
#define GAP 14                  /* 5.7 */
#define HASH_TO_HEAD 15         /* 5.8 */
#define HASH_HELD 16            /* 5.8 */
#define MISSING 17              /* 5.9 */
#define STALE_UPDATE 18         /* 5.10 */
#define DISK_FIRST 19           /* 5.11 */
#define HEAD_BEGUN 20           /* 6 */
#define FRESH_UNTIL 21          /* 6 */
#define LIMIT 22                /* 6 */
#define ONE_SIGNER 23           /* S7.2 */
#define HEADS_ASCEND 24         /* S7.2 */
#define PUBLISHERS_FLOOR 25     /* S12 */
#ifndef WITHOUT
#define WITHOUT 0
#endif
#ifndef AND
#define AND 0
#endif
#define out(rule) (WITHOUT == rule || AND == rule)

/* ---- Claims, and what has to happen for them to say anything. ---- */

#define LATE 1          /* never admitted later than the bound of 6 allows */
#define AGAIN 2         /* never admitted where a head with the entry was relied on before */
#define BACK 4          /* never a head relied on that is behind one relied on before */
#define UNCONTAINED 8   /* never admitted at `contained_at` or later (S8.3) */
#ifndef CLAIMS
#define CLAIMS 15
#endif
bool late, again, back, uncontained;

#define ADMITTED 1      /* admitted, and nothing is revoked */
#define AT_THE_BOUND 2  /* admitted after the revocation, at the last moment that LATE allows */
#define REVOKED 3       /* refused by a fresh list with the entry */
#define STALE 4         /* refused by a list without it, because that is too old */
#define BY_SNAPSHOT 5   /* the entry came in a snapshot */
#define BY_DELTA 6      /* the entry came after what was held */
#define FORGOTTEN 7     /* the list counts the entry, which has died and left */
#define RESTARTED 8     /* a list is relied on after a restart */
#define ROLLED_BACK 9   /* a list is refused because of the floor that a restart found on disk */
#ifndef REACH
#define REACH 0
#endif
#define reached(where) assert(REACH != where)

/* ---- The log: all that it can become. A node stands for a running hash. ----
 *
 *    0 --A-- 1 --B-- 3       A  kills the token, until EXPIRES
 *      \       \-S-- 4       S  says so again, until SHORTER
 *       \-B-- 2 --A-- 5      B  kills something else
 *               \-B-- 6
 */

#ifndef NODES
#define NODES 7
#endif
#define seq(node) (node == 0 -> 0 : (node < 3 -> 1 : 2))
#define first_child(node) (2 * node + 1)
#define second_child(node) (2 * node + 2)
#define parent(node) (node == 0 -> 0 : (node - 1) / 2)
#define has_entry(node) (node == 1 || (node > 2 && node < 6))
/* Where the log that leads to `node` was when it was as long as that to `other`. */
#define when_as_long(other, node) \
    (seq(other) >= seq(node) -> node : (other == 0 -> 0 : parent(node)))
#define leads(from, node) (seq(from) <= seq(node) && when_as_long(from, node) == from)

#if out(GREATEST_UNTIL)
#define until_at(node) (node == 4 -> SHORTER : EXPIRES)
#else
#define until_at(node) EXPIRES
#endif

/* ---- What was signed. Nothing is ever taken back. ---- */

/* Of each node, when heads were: a bit for each moment. */
int heads[NODES];
#define is_in(set, moment) ((set >> moment) & 1)
#define put_in(set, moment) set = set | (1 << moment)

/* Of each node, the earliest `taken_at` of snapshots with the entry and of snapshots without it;
   both plus one, and 0 for none. Rules bound `taken_at` from above only, so a network that has
   the earliest has no use for a later one that says the same. */
byte with[NODES];
byte without[NODES];
#define put_earliest(first, moment) \
    first = (first && first <= moment + 1 -> first : moment + 1)

byte time;

/* ---- The publisher. It signs whenever it could: the network keeps back what it likes. ---- */

byte log;               /* a node */
byte published;         /* the node that the floor outside the store tells of (S12) */
byte last_issued;
bool restored;

bool revoked;           /* for the claims */
byte revoked_at;
byte contained_at;

#define may_leave(node, moment) (out(NOT_BEFORE_UNTIL) || \
    moment > until_at(node) + (out(GRACE_AFTER_UNTIL) -> 0 : GRACE))

inline sign_head(node, moment) {
    put_in(heads[node], moment);
    if
    :: !has_entry(node) -> contained_at = moment + FRESH_FOR
    :: else
    fi
}

inline sign_snapshots(node, moment) {
    if
    :: has_entry(node) -> put_earliest(with[node], moment)
    :: else
    fi;
    if
#ifdef KEEPS_ITS_LOG
    :: node == 0 -> put_earliest(without[node], moment)
#else
    :: !has_entry(node) || may_leave(node, moment) -> put_earliest(without[node], moment)
#endif
    :: else
    fi
}

inline sign() {
    if
    :: log == published ->
        clock = time;
        do
        :: clock < time + EARLY -> clock++
        :: break
        od;
        sign_snapshots(log, clock);
        if
        :: clock < last_issued && !out(HEADS_ASCEND) -> clock = last_issued
        :: else
        fi;
        sign_head(log, clock);
        last_issued = clock;
        clock = 0
    :: else                                                             /* S12 */
    fi
}

inline append(node) {
    log == published && node < NODES ->
        log = node;
        published = log;
        printf("the log is at %d\n", log);
        if
        :: has_entry(log) && !revoked -> revoked = true; revoked_at = time
        :: else
        fi;
        sign()
}

inline begin() {
    run Network(0);
    run Server(0);
#if VIEWS > 1
    run Network(1);
    run Server(1);
#endif
    skip
}

#ifdef THIEF
/* The thief of the list key has signed everything before anything began. */
init {
    byte node;
    atomic {
        for (node : 0 .. NODES - 1) {
            heads[node] = (1 << (LAST + 1)) - 1;
            with[node] = has_entry(node);
            without[node] = 1
        };
        node = 0;
        begin()
    };
end:
    do
    :: atomic { time < LAST -> time++; printf("it is %d\n", time) }
    od
}
#else
init {
    byte clock;
    atomic { sign(); begin() };
end:
    do
    :: atomic { time < LAST -> time++; printf("it is %d\n", time); sign() }
    :: atomic { append(first_child(log)) }
    :: atomic { append(second_child(log)) }
#ifdef RESTORED
    /* The store is set back to a backup without entries; they are brought back. */
    :: atomic { log == published && log != 0 && !restored ->
            restored = true;
            log = 0;
            printf("the store is set back, the log is at 0\n");
#if out(PUBLISHERS_FLOOR)
            published = 0;
            sign()
#endif
        }
    :: atomic { log != published ->
            log = published;
            printf("its entries are back, the log is at %d\n", log);
            sign()
        }
#endif
#if out(ONE_SIGNER)
    /* Another worker, which has not heard of the last entry, signs as well. */
    :: atomic { log != 0 && !is_in(heads[parent(log)], time) ->
            printf("another worker signs a head of %d\n", parent(log));
            sign_head(parent(log), time)
        }
#endif
    od
}
#endif

/* ---- A view ---- */

typedef View {
    byte place;         /* how far it has come: a node */
    bool has_head;
    byte head_at;       /* the head's issued_at */
    byte until;         /* of the entry, where it is held; else 0 */
    byte floor;         /* a node ... */
    byte floor_at;      /* ... and a time */
    bool unsaved;
    bool relied;        /* for the claims: it has relied on a head with the entry; */
    byte longest;       /* the longest log and the latest head that it has relied on */
    byte latest
}
typedef Disk {
    byte floor;
    byte floor_at
}
View views[VIEWS];
Disk disks[VIEWS];

#define view views[v]
#define disk disks[(out(OWN_FLOOR) -> 0 : v)]

inline look_at_clock() {
    now = (time + AHEAD > 0 -> time + AHEAD : 0);
    do
    :: now > 0 && now + BEHIND > time -> now--
    :: break
    od
}

/* What 5 asks: of a head ... */
#define signed_head     (out(SIGNED_HEAD)     || is_in(heads[node], at))
#define head_from_past  (out(FUTURE_HEAD)     || at <= now + SKEW)
#define floor_number    (out(FLOOR_NUMBER)    || seq(node) >= seq(view.floor))
#define floor_time      (out(FLOOR_TIME)      || at >= view.floor_at)
#define still_fresh     (out(STALE_UPDATE)    || at + FRESH_FOR > now)
/* ... of a snapshot ... */
#define taken_in_past   (out(FUTURE_SNAPSHOT) || taken <= now + SKEW)
#define taken_by_then   (out(TAKEN_BEFORE_HEAD) || taken <= at)
/* ... and of the whole. */
#define no_gap          (out(GAP)             || entries != NONE || seq(from) == seq(node))
#define joins           (out(HASH_TO_HEAD)    || (entries != OTHERS && leads(from, node) && \
                                                  (entries == MADE || from == node)))
#define same(place)     (seq(place) < seq(from) || seq(place) > seq(node) || \
                         when_as_long(place, node) == place)
#define same_past       (out(HASH_HELD)       || (same(view.place) && same(view.floor)))
#define none_missing    (out(MISSING)         || !whole || view.until <= now || \
                                                 until >= view.until)

/* The entries that travel: those that were made, as many others, or none. */
#define MADE 0
#define OTHERS 1
#define NONE 2

/* 5, for an update that the network puts together. The order of the steps decides about the code
   of a refusal only, so each comes as soon as what it reads has been chosen. */
inline update() {
    at = time + EARLY;
    do
    :: at > 0 -> at--
    :: break
    od;
    if
    :: head_from_past && floor_time && still_fresh
    :: else -> goto over
    fi;
    do
    :: node < NODES - 1 -> node++
    :: signed_head -> break
    :: !signed_head && node == NODES - 1 -> goto over
    od;
    if
    :: floor_number
    :: else ->
        if
        :: !view.has_head -> reached(ROLLED_BACK)
        :: else
        fi;
        goto over
    fi;

    if
    :: from = view.place; until = view.until
    :: whole = true;
        do
        :: from < NODES - 1 -> from++
        :: with[from] -> taken = with[from] - 1; until = until_at(from); break
        :: without[from] -> taken = without[from] - 1; break
#if out(SIGNED_SNAPSHOT)
        :: break
#endif
        :: !with[from] && !without[from] && from == NODES - 1 -> goto over
        od;
        if
        :: taken_in_past && taken_by_then
        :: else -> goto over
        fi
    fi;

    if
    :: entries = MADE
    :: entries = OTHERS
    :: entries = NONE
    fi;
    d_step {
        if
        :: entries == MADE && has_entry(node) && !has_entry(from) -> until = until_at(node)
        :: entries == MADE && from == 1 && node == 4 && (!until || out(GREATEST_UNTIL)) ->
            until = SHORTER
        :: else
        fi;
        if
        :: no_gap && joins && same_past && none_missing -> rely()
        :: else
        fi
    };
over:
    skip;
    d_step {
        now = 0; at = 0; node = 0; from = 0; taken = 0; until = 0; entries = 0; whole = false
    }
}

#ifdef THIEF
#define told (until == EXPIRES) /* its heads say nothing: what counts is that the entry is held */
#else
#define told has_entry(node)
#endif

/* 5.11 */
inline rely() {
    printf("view %d, clock %d: the head of %d signed at %d\n", v, now, node, at);
    if
    :: whole -> printf("    after a snapshot of %d taken at %d, until %d\n", from, taken, until)
    :: else
    fi;
    if
    :: entries == OTHERS && from != node -> printf("    with entries that nobody made\n")
    :: else
    fi;
    back = (CLAIMS & BACK) && (seq(node) < view.longest || at < view.latest);
    assert(!back);
    if
    :: !view.has_head && view.floor_at -> reached(RESTARTED)
    :: else
    fi;
    if
    :: until && !view.until && whole -> reached(BY_SNAPSHOT)
    :: until && !view.until && !whole -> reached(BY_DELTA)
    :: !until && has_entry(node) -> reached(FORGOTTEN)
    :: else
    fi;
    view.floor = node;
    view.floor_at = at;
    if
    :: out(DISK_FIRST) -> view.unsaved = true
    :: else -> save()
    fi;
    view.place = node;
    view.has_head = true;
    view.head_at = at;
    view.until = until;
    view.relied = view.relied || told;
    view.longest = (view.longest > seq(node) -> view.longest : seq(node));
    view.latest = (view.latest > at -> view.latest : at)
}

inline save() {
    if
    :: out(FLOOR_ON_DISK)
    :: else -> disk.floor = view.floor; disk.floor_at = view.floor_at
    fi;
    view.unsaved = false
}

inline restart() {
    view.has_head = false;
    view.head_at = 0;
    view.until = 0;
    view.unsaved = false;
    printf("view %d restarts with the floor %d of %d\n", v, disk.floor, disk.floor_at);
    view.floor = disk.floor;
    view.floor_at = disk.floor_at;
    view.place = (out(EMPTY_START) -> view.floor : 0);
#ifdef RUNNING_ONLY
    view.relied = false;
    view.longest = 0;
    view.latest = 0;
#endif
}

proctype Network(byte v) {
    byte now, at, node, from, taken, until, entries;
    bool whole;
end:
    do
    :: atomic { look_at_clock(); update() }
    od
}

/* ---- A server that asks the view about the token ---- */

/* 6 */
#define is_fresh(limit) (view.has_head && \
    (out(HEAD_BEGUN)  || view.head_at <= now + SKEW) && \
    (out(FRESH_UNTIL) || now < view.head_at + FRESH_FOR) && \
    (out(LIMIT)       || now <= view.head_at + limit))

/* What 6 promises, by the true time. */
#define bound(limit) (limit < FRESH_FOR - 1 -> limit : FRESH_FOR - 1)
#define last_moment(limit) (revoked_at + EARLY + bound(limit) + LAG)

inline ask(limit) {
    if
    :: is_fresh(limit) && !view.until && now < EXPIRES ->
        late = (CLAIMS & LATE) && revoked && time > last_moment(limit);
        again = (CLAIMS & AGAIN) && view.relied;
        uncontained = (CLAIMS & UNCONTAINED) && revoked && now >= contained_at;
        if
        :: late || again || uncontained ->
            printf("view %d, clock %d: the token is admitted (limit %d)\n", v, now, limit)
        :: else
        fi;
        assert(!late);
        assert(!again);
        assert(!uncontained);
        if
        :: !revoked -> reached(ADMITTED)
        :: revoked && time == last_moment(limit) -> reached(AT_THE_BOUND)
        :: else
        fi
    :: is_fresh(limit) && view.until && now < EXPIRES -> reached(REVOKED)
    :: !is_fresh(limit) && view.has_head && !view.until && revoked -> reached(STALE)
    :: else
    fi
}

proctype Server(byte v) {
    byte now;
end:
    do
    :: atomic { look_at_clock(); ask(IRREVERSIBLE); ask(READ); now = 0 }
    :: d_step { restart() }
    :: d_step { view.unsaved -> save() }
    od
}
