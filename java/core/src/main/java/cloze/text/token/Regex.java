package cloze.text.token;

import cloze.text.token.RegexNode.Anchor;
import cloze.text.token.RegexNode.Greed;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A regular expression with Oniguruma's meaning on UTF-8. It backtracks on a stack of its own, in the heap, so that a long
 * text cannot overflow that of the thread; and gives up where Oniguruma would, after ten million steps back at a place.
 */
final class Regex {
    /** Thrown for a text on which an expression takes too long, or too much memory. */
    static final class LimitException extends IllegalArgumentException {
        @java.io.Serial
        private static final long serialVersionUID = 1;

        LimitException(String message) {
            super(message);
        }
    }

    private enum Op {
        ONE, // set a
        RUN, // set a, b to c times, then one less each time
        KEEP, // set a, b to c times, and no other number
        SPLIT, // goes on, or else at a
        JUMP, // to a
        MARK, // remembers the place in register a
        AGAIN, // to b if the place has moved since the mark in register a
        ANCHOR, // number a
        LOOK, // its body, then at a; b: 1 behind + 2 negated; set aside: lengths in c and d
        ATOMIC, // its body, then at a
        ACCEPT
    }

    private record Step(Op op, int a, int b, int c, int d) {}

    private static final int LARGEST = 1 << 16; // steps of a program
    private static final int MOST_BACK = 10_000_000;
    private static final int DEEPEST =
            (int) Math.min(1 << 27, Runtime.getRuntime().maxMemory() / 32);
    private static final int FRAME = 4;
    private static final List<Anchor> ANCHORS = List.of(Anchor.values());
    private static final CodePointSet NONE = CodePointSet.ALL.not();

    // kinds of frames
    private static final int GO = 0; // at step, place
    private static final int RESTORE = 1; // register, value
    private static final int SHORTEN = 2; // step, place, least place

    private final String source;
    private final Step[] program;
    private final CodePointSet[] sets;
    private final int registers;
    private final @Nullable CodePointSet first; // a match begins with one of these
    private final @Nullable CodePointSet needed; // a match has one of these

    private Regex(String source, RegexNode node, Compiler compiler) {
        this.source = source;
        first = first(node);
        needed = needed(node);
        program = compiler.steps.toArray(Step[]::new);
        sets = compiler.sets.toArray(CodePointSet[]::new);
        registers = compiler.registers;
    }

    /** @throws RegexParser.Refusal naming what is wrong, or what has no meaning here */
    static Regex of(String regex) throws RegexParser.Refusal {
        Compiler compiler = new Compiler();
        RegexNode node = RegexParser.parse(regex);
        compiler.add(node);
        compiler.emit(Op.ACCEPT, 0, 0, 0, 0);
        return new Regex(regex, node, compiler);
    }

    /** The characters with which a match can begin; null if it can be empty. */
    private static @Nullable CodePointSet first(RegexNode node) {
        return node.shortest() == 0 ? null : opening(node);
    }

    /** Like {@link #first}, with the characters that an empty match does not need. */
    private static CodePointSet opening(RegexNode node) {
        return switch (node) {
            case RegexNode.One one -> one.set();
            case RegexNode.Repeat repeat -> opening(repeat.body());
            case RegexNode.Atomic atomic -> opening(atomic.body());
            case RegexNode.Look _ -> NONE;
            case Anchor _ -> NONE;
            case RegexNode.Choice choice ->
                choice.ways().stream().map(Regex::opening).reduce(NONE, CodePointSet::or);
            case RegexNode.Sequence sequence -> {
                CodePointSet all = NONE;
                for (RegexNode part : sequence.parts()) {
                    all = all.or(opening(part));
                    if (part.shortest() > 0) {
                        break;
                    }
                }
                yield all;
            }
        };
    }

    private static @Nullable CodePointSet needed(RegexNode node) {
        return switch (node) {
            case RegexNode.One one -> one.set();
            case RegexNode.Atomic atomic -> needed(atomic.body());
            case RegexNode.Repeat repeat -> repeat.least() == 0 ? null : needed(repeat.body());
            case RegexNode.Sequence sequence ->
                sequence.parts().reversed().stream()
                        .map(Regex::needed)
                        .filter(set -> set != null)
                        .findFirst()
                        .orElse(null);
            case RegexNode.Choice _ -> null;
            case RegexNode.Look _ -> null;
            case Anchor _ -> null;
        };
    }

    /** A literal text. */
    static Regex literal(String text) {
        Compiler compiler = new Compiler();
        List<RegexNode> characters = new ArrayList<>();
        text.codePoints().forEach(c -> {
            characters.add(new RegexNode.One(CodePointSet.range(c, c)));
            compiler.sets.add(CodePointSet.range(c, c));
            compiler.steps.add(new Step(Op.ONE, compiler.sets.size() - 1, 0, 0, 0));
        });
        compiler.steps.add(new Step(Op.ACCEPT, 0, 0, 0, 0));
        return new Regex(text, new RegexNode.Sequence(characters), compiler);
    }

    private static final class Compiler {
        private final List<Step> steps = new ArrayList<>();
        private final List<CodePointSet> sets = new ArrayList<>();
        private int registers;
        private int work;

        int emit(Op op, int a, int b, int c, int d) throws RegexParser.Refusal {
            if (steps.size() >= LARGEST) {
                throw new RegexParser.Refusal(
                        String.format(Locale.ROOT, "repetitions that take more than %,d steps", LARGEST));
            }
            steps.add(new Step(op, a, b, c, d));
            return steps.size() - 1;
        }

        /** Fills in the target of a step that was emitted before. */
        private void land(int at) {
            Step s = steps.get(at);
            steps.set(at, new Step(s.op, steps.size(), s.b, s.c, s.d));
        }

        private int set(CodePointSet set) {
            sets.add(set);
            return sets.size() - 1;
        }

        void add(RegexNode node) throws RegexParser.Refusal {
            if (++work > 4 * LARGEST) { // empty bodies emit nothing
                throw new RegexParser.Refusal("repetitions of repetitions of nothing");
            }
            switch (node) {
                case RegexNode.One one -> emit(Op.ONE, set(one.set()), 0, 0, 0);
                case RegexNode.Sequence sequence -> {
                    for (RegexNode part : sequence.parts()) {
                        add(part);
                    }
                }
                case RegexNode.Choice choice -> choice(choice.ways());
                case RegexNode.Repeat repeat -> repeat(repeat);
                case RegexNode.Look look -> look(look);
                case RegexNode.Atomic atomic -> atomic(atomic.body());
                case Anchor anchor -> emit(Op.ANCHOR, ANCHORS.indexOf(anchor), 0, 0, 0);
            }
        }

        private void choice(List<RegexNode> ways) throws RegexParser.Refusal {
            List<Integer> ends = new ArrayList<>();
            for (int i = 0; i < ways.size(); i++) {
                boolean last = i + 1 == ways.size();
                int split = last ? -1 : emit(Op.SPLIT, 0, 0, 0, 0);
                add(ways.get(i));
                if (!last) {
                    ends.add(emit(Op.JUMP, 0, 0, 0, 0));
                    land(split);
                }
            }
            ends.forEach(this::land);
        }

        private void look(RegexNode.Look look) throws RegexParser.Refusal {
            int kind = (look.behind() ? 1 : 0) + (look.negated() ? 2 : 0);
            int shortest = (int) look.body().shortest();
            int longest = look.behind() ? (int) look.body().longest() : 0;
            int at = emit(Op.LOOK, 0, kind, shortest, longest);
            add(look.body());
            emit(Op.ACCEPT, 0, 0, 0, 0);
            land(at);
        }

        private void atomic(RegexNode body) throws RegexParser.Refusal {
            int at = emit(Op.ATOMIC, 0, 0, 0, 0);
            add(body);
            emit(Op.ACCEPT, 0, 0, 0, 0);
            land(at);
        }

        private void repeat(RegexNode.Repeat repeat) throws RegexParser.Refusal {
            RegexNode body = repeat.body();
            boolean lazy = repeat.greed() == Greed.LAZY;
            if (body instanceof RegexNode.One one && !lazy) {
                Op op = repeat.greed() == Greed.POSSESSIVE ? Op.KEEP : Op.RUN;
                int most = repeat.most() < 0 ? Integer.MAX_VALUE : repeat.most();
                emit(op, set(one.set()), repeat.least(), most, 0);
                return;
            }
            if (repeat.greed() == Greed.POSSESSIVE) {
                atomic(new RegexNode.Repeat(body, repeat.least(), repeat.most(), Greed.GREEDY));
                return;
            }
            for (int i = 0; i < repeat.least(); i++) {
                add(body);
            }
            if (repeat.most() < 0) {
                loop(body, lazy);
                return;
            }
            List<Integer> ends = new ArrayList<>();
            for (int i = repeat.least(); i < repeat.most(); i++) {
                ends.add(optional(lazy));
                add(body);
            }
            ends.forEach(this::land);
        }

        /** Tries the body first, or, lazily, what follows it; the step that it returns leads there. */
        private int optional(boolean lazy) throws RegexParser.Refusal {
            if (!lazy) {
                return emit(Op.SPLIT, 0, 0, 0, 0);
            }
            int split = emit(Op.SPLIT, 0, 0, 0, 0);
            int leave = emit(Op.JUMP, 0, 0, 0, 0);
            land(split);
            return leave;
        }

        private void loop(RegexNode body, boolean lazy) throws RegexParser.Refusal {
            int start = steps.size();
            int end = optional(lazy);
            int register = registers++;
            emit(Op.MARK, register, 0, 0, 0);
            add(body);
            emit(Op.AGAIN, register, start, 0, 0);
            land(end);
        }
    }

    Matcher matcher(byte[] utf8, int from, int to) {
        return new Matcher(utf8, from, to);
    }

    /** Finds matches from left to right in a piece of text. */
    final class Matcher {
        private final byte[] utf8;
        private final int from;
        private final int to;
        private final int[] marks = new int[registers];
        private int[] stack = new int[FRAME * 64];
        private int top;
        private int back;
        private int searchFrom;
        private int lastEnd = -1;
        private int lastStart; // the last place at which a match can begin
        private int start;
        private int end;

        private Matcher(byte[] utf8, int from, int to) {
            this.utf8 = utf8;
            this.from = from;
            this.to = to;
            searchFrom = from;
            lastStart = to;
            if (needed != null) {
                lastStart = from - 1;
                for (int at = to; at > from && lastStart < from; ) {
                    at = Utf8.before(utf8, at, from);
                    lastStart = needed.has(Utf8.codePoint(utf8, at)) ? at : lastStart;
                }
            }
        }

        int start() {
            return start;
        }

        int end() {
            return end;
        }

        /** An empty match right after the last one is passed over, as by the Hugging Face library. */
        boolean find() {
            while (searchFrom <= to && search()) {
                if (start == end && end == lastEnd) {
                    searchFrom += searchFrom < to ? Utf8.length(utf8[searchFrom]) : 1;
                    continue;
                }
                searchFrom = end;
                lastEnd = end;
                return true;
            }
            searchFrom = to + 1;
            return false;
        }

        private boolean search() {
            for (int at = searchFrom; at <= lastStart; at += at < to ? Utf8.length(utf8[at]) : 1) {
                if (first != null && (at == to || !first.has(Utf8.codePoint(utf8, at)))) {
                    continue;
                }
                top = 0;
                back = 0;
                int found = match(0, at, -1);
                if (found >= 0) {
                    start = at;
                    end = found;
                    return true;
                }
            }
            return false;
        }

        /** Runs the program from a step to its ACCEPT; the end of the match, which must be {@code target} if that is set, or -1. */
        private int match(int first, int place, int target) {
            int bottom = top;
            int pc = first;
            int at = place;
            while (true) {
                Step step = program[pc];
                int next = -1; // the place after the step
                switch (step.op) {
                    case ONE ->
                        next = at < to && sets[step.a].has(Utf8.codePoint(utf8, at)) ? at + Utf8.length(utf8[at]) : -1;
                    case RUN, KEEP -> next = run(step, pc, at);
                    case SPLIT -> {
                        push(GO, step.a, at, 0);
                        next = at;
                    }
                    case JUMP -> {
                        pc = step.a - 1;
                        next = at;
                    }
                    case MARK -> {
                        push(RESTORE, step.a, marks[step.a], 0);
                        marks[step.a] = at;
                        next = at;
                    }
                    case AGAIN -> {
                        pc = marks[step.a] == at ? pc : step.b - 1;
                        next = at;
                    }
                    case ANCHOR -> next = holds(ANCHORS.get(step.a), at) ? at : -1;
                    case LOOK -> {
                        next = look(step, pc, at) ? at : -1;
                        pc = step.a - 1;
                    }
                    case ATOMIC -> {
                        next = match(pc + 1, at, -1);
                        pc = step.a - 1;
                    }
                    case ACCEPT -> {
                        if (target < 0 || at == target) {
                            top = bottom;
                            return at;
                        }
                    }
                }
                if (next >= 0) {
                    at = next;
                    pc++;
                    continue;
                }
                do {
                    if (top == bottom) {
                        return -1;
                    }
                    pc = resume();
                } while (pc < 0);
                at = resumed;
            }
        }

        private int resumed;

        /** Takes the last frame; the step at which it goes on, or -1. */
        private int resume() {
            top -= FRAME;
            int a = stack[top + 1];
            int b = stack[top + 2];
            if (stack[top] == RESTORE) {
                marks[a] = b;
                return -1;
            }
            if (++back > MOST_BACK) {
                throw new LimitException(String.format(
                        Locale.ROOT,
                        "the pattern %s takes more than %,d steps back at byte %d of a text",
                        source,
                        MOST_BACK,
                        searchFrom - from));
            }
            resumed = b;
            if (stack[top] == SHORTEN) {
                int least = stack[top + 3];
                resumed = Utf8.before(utf8, b, least);
                if (resumed > least) {
                    push(SHORTEN, a, resumed, least);
                }
            }
            return a;
        }

        private void push(int kind, int a, int b, int c) {
            if (top + FRAME > stack.length) {
                if (stack.length >= DEEPEST) {
                    throw new LimitException(String.format(
                            Locale.ROOT,
                            "the pattern %s keeps more than %,d ways open at byte %d of a text",
                            source,
                            DEEPEST / FRAME,
                            b - from));
                }
                stack = Arrays.copyOf(stack, 2 * stack.length);
            }
            stack[top] = kind;
            stack[top + 1] = a;
            stack[top + 2] = b;
            stack[top + 3] = c;
            top += FRAME;
        }

        private int run(Step step, int pc, int place) {
            CodePointSet set = sets[step.a];
            int at = place;
            int least = step.b == 0 ? place : -1;
            for (int n = 0; n < step.c && at < to && set.has(Utf8.codePoint(utf8, at)); ) {
                at += Utf8.length(utf8[at]);
                n++;
                least = n == step.b ? at : least;
            }
            if (least >= 0 && least < at && step.op == Op.RUN) {
                push(SHORTEN, pc + 1, at, least);
            }
            return least < 0 ? -1 : at;
        }

        private boolean look(Step step, int pc, int place) {
            boolean negated = (step.b & 2) != 0;
            if ((step.b & 1) == 0) {
                return match(pc + 1, place, -1) >= 0 != negated;
            }
            int at = place;
            for (int length = 0; length <= step.d; length++) {
                if (length >= step.c && match(pc + 1, at, place) >= 0) {
                    return !negated;
                }
                if (at == from) {
                    break;
                }
                at = Utf8.before(utf8, at, from);
            }
            return negated;
        }

        private boolean holds(Anchor anchor, int at) {
            return switch (anchor) {
                case LINE_START -> at == from || (at < to && utf8[at - 1] == '\n');
                case LINE_END -> at == to || utf8[at] == '\n';
                case TEXT_START -> at == from;
                case TEXT_END -> at == to;
                case TEXT_END_OR_LAST_LINE -> at == to || (at + 1 == to && utf8[at] == '\n');
                case WORD_BORDER -> wordBefore(at) != wordAt(at);
                case NO_WORD_BORDER -> wordBefore(at) == wordAt(at);
                case SEARCH_START -> at == searchFrom;
            };
        }

        private boolean wordAt(int at) {
            return at < to && CodePointSet.WORD_ALONE.has(Utf8.codePoint(utf8, at));
        }

        private boolean wordBefore(int at) {
            return at > from && wordAt(Utf8.before(utf8, at, from));
        }
    }
}
