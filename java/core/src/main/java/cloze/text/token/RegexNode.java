package cloze.text.token;

import java.util.List;

/** A part of a regular expression. */
sealed interface RegexNode {
    /** Any number of times. */
    int UNBOUNDED = -1;

    /** Fewest characters that it matches. */
    long shortest();

    /** Most characters, {@link #UNBOUNDED} if there is no limit. */
    long longest();

    /** A character of a set. */
    record One(CodePointSet set) implements RegexNode {
        @Override
        public long shortest() {
            return 1;
        }

        @Override
        public long longest() {
            return 1;
        }
    }

    /** One after the other. */
    record Sequence(List<RegexNode> parts) implements RegexNode {
        @Override
        public long shortest() {
            return parts.stream().mapToLong(RegexNode::shortest).sum();
        }

        @Override
        public long longest() {
            long sum = 0;
            for (RegexNode part : parts) {
                long longest = part.longest();
                if (longest < 0) {
                    return UNBOUNDED;
                }
                sum += longest;
            }
            return sum;
        }
    }

    /** The first that leads to a match. */
    record Choice(List<RegexNode> ways) implements RegexNode {
        @Override
        public long shortest() {
            return ways.stream().mapToLong(RegexNode::shortest).min().orElse(0);
        }

        @Override
        public long longest() {
            long most = 0;
            for (RegexNode way : ways) {
                long longest = way.longest();
                if (longest < 0) {
                    return UNBOUNDED;
                }
                most = Math.max(most, longest);
            }
            return most;
        }
    }

    /** What a repetition prefers, and whether it gives back. */
    enum Greed {
        GREEDY,
        LAZY,
        POSSESSIVE
    }

    /** @param most {@link #UNBOUNDED} if there is no limit */
    record Repeat(RegexNode body, int least, int most, Greed greed) implements RegexNode {
        @Override
        public long shortest() {
            return body.shortest() * least;
        }

        @Override
        public long longest() {
            long each = body.longest();
            return each == 0 ? 0 : most < 0 || each < 0 ? UNBOUNDED : each * most;
        }
    }

    /** A condition on the text around a place. */
    record Look(RegexNode body, boolean behind, boolean negated) implements RegexNode {
        @Override
        public long shortest() {
            return 0;
        }

        @Override
        public long longest() {
            return 0;
        }
    }

    /** A part that is not matched another way once it has matched. */
    record Atomic(RegexNode body) implements RegexNode {
        @Override
        public long shortest() {
            return body.shortest();
        }

        @Override
        public long longest() {
            return body.longest();
        }
    }

    /** A condition on a place. */
    enum Anchor implements RegexNode {
        LINE_START,
        LINE_END,
        TEXT_START,
        TEXT_END,
        TEXT_END_OR_LAST_LINE,
        WORD_BORDER,
        NO_WORD_BORDER,
        SEARCH_START;

        @Override
        public long shortest() {
            return 0;
        }

        @Override
        public long longest() {
            return 0;
        }
    }
}
