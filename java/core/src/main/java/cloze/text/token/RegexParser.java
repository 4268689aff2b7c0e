package cloze.text.token;

import cloze.text.token.RegexNode.Anchor;
import cloze.text.token.RegexNode.Greed;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * Parses a regular expression of Oniguruma in the syntax of Ruby, which the Hugging Face library uses. What it does not
 * know it refuses by name: captures are not kept, so back-references, calls and conditions have no meaning here.
 *
 * @see "Oniguruma, doc/RE"
 */
final class RegexParser {
    /** What is wrong with an expression, or what is not supported. */
    static final class Refusal extends Exception {
        @java.io.Serial
        private static final long serialVersionUID = 1;

        private final String construct;

        Refusal(String construct) {
            super(construct);
            this.construct = construct;
        }

        /** The construct that is refused. */
        String construct() {
            return construct;
        }
    }

    private record Options(boolean anyCase, boolean dotAll, boolean extended) {}

    private static final int DEEPEST = 100; // groups and brackets in each other
    private static final int MOST_TIMES = 100_000; // as in Oniguruma
    private static final RegexNode NEW_LINE = new RegexNode.Atomic(new RegexNode.Choice(List.of(
            new RegexNode.Sequence(List.of(character('\r'), character('\n'))),
            new RegexNode.One(
                    new CodePointSet(c -> (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029)))));

    private final int[] regex;
    private int at;
    private int depth;
    private final StringBuilder literal = new StringBuilder(); // the characters up to here, folded

    private RegexParser(String regex) {
        this.regex = regex.codePoints().toArray();
    }

    static RegexNode parse(String regex) throws Refusal {
        RegexParser parser = new RegexParser(regex);
        RegexNode all = parser.choice(new Options(false, false, false));
        if (parser.at < parser.regex.length) {
            throw parser.refuse("a ')' without a '('");
        }
        return all;
    }

    private Refusal refuse(String construct) {
        return new Refusal(String.format(Locale.ROOT, "%s at character %d", construct, at));
    }

    private static RegexNode character(int c) {
        return new RegexNode.One(CodePointSet.range(c, c));
    }

    private boolean more() {
        return at < regex.length;
    }

    private boolean sees(String text) {
        boolean same = at + text.length() <= regex.length;
        for (int i = 0; same && i < text.length(); i++) {
            same = regex[at + i] == text.charAt(i);
        }
        return same;
    }

    private boolean takes(String text) {
        boolean seen = sees(text);
        at += seen ? text.length() : 0;
        return seen;
    }

    private RegexNode choice(Options options) throws Refusal {
        if (++depth > DEEPEST) {
            throw refuse(String.format(Locale.ROOT, "more than %d groups in each other", DEEPEST));
        }
        List<RegexNode> ways = new ArrayList<>();
        do {
            literal.setLength(0);
            ways.add(sequence(options));
        } while (takes("|"));
        literal.setLength(0);
        depth--;
        return ways.size() == 1 ? ways.getFirst() : new RegexNode.Choice(ways);
    }

    private RegexNode sequence(Options options) throws Refusal {
        List<RegexNode> parts = new ArrayList<>();
        while (more() && regex[at] != '|' && regex[at] != ')') {
            if (options.extended && skipsSpace()) {
                continue;
            }
            if (takes("(?#")) {
                comment();
            } else {
                parts.add(repeated(atom(options), options));
            }
        }
        return parts.size() == 1 ? parts.getFirst() : new RegexNode.Sequence(parts);
    }

    private boolean skipsSpace() {
        if (regex[at] == '#') {
            while (more() && regex[at] != '\n') {
                at++;
            }
            return true;
        }
        boolean space = regex[at] == ' ' || (regex[at] >= '\t' && regex[at] <= '\r');
        at += space ? 1 : 0;
        return space;
    }

    private void comment() throws Refusal {
        while (more() && regex[at] != ')') {
            at += regex[at] == '\\' ? 2 : 1;
        }
        if (!takes(")")) {
            throw refuse("a comment without an end");
        }
    }

    private RegexNode repeated(RegexNode first, Options options) throws Refusal {
        RegexNode node = first;
        while (more()) {
            if (options.extended && skipsSpace()) {
                continue;
            }
            int start = at;
            int[] times = times();
            if (times.length == 0) {
                return node;
            }
            if (isCondition(node)) {
                throw refuse("a repetition of a condition");
            }
            boolean interval = regex[start] == '{';
            Greed greed = Greed.GREEDY;
            if (!(interval && times[0] == times[1]) && takes("?")) { // {n}? is an optional {n}
                greed = Greed.LAZY;
            } else if (!interval && takes("+")) { // {n,m}+ is a repeated {n,m}
                greed = Greed.POSSESSIVE;
            }
            node = new RegexNode.Repeat(node, times[0], times[1], greed);
            literal.setLength(0);
        }
        return node;
    }

    /** True for what Oniguruma does not repeat: a condition, alone or among alternatives. */
    private static boolean isCondition(RegexNode node) {
        return switch (node) {
            case Anchor _ -> true;
            case RegexNode.Look _ -> true;
            case RegexNode.Sequence _ -> false;
            case RegexNode.Choice choice -> choice.ways().stream().anyMatch(RegexParser::isCondition);
            case RegexNode.One _ -> false;
            case RegexNode.Repeat _ -> false;
            case RegexNode.Atomic _ -> false;
        };
    }

    /** Fewest and most times of a repetition; nothing if there is none here. */
    private int[] times() throws Refusal {
        return switch (regex[at]) {
            case '?' -> {
                at++;
                yield new int[] {0, 1};
            }
            case '*' -> {
                at++;
                yield new int[] {0, RegexNode.UNBOUNDED};
            }
            case '+' -> {
                at++;
                yield new int[] {1, RegexNode.UNBOUNDED};
            }
            case '{' -> interval();
            default -> new int[0];
        };
    }

    private int[] interval() throws Refusal {
        int start = at++;
        int least = number();
        int most = least;
        if (takes(",")) {
            most = number();
            if (least < 0 && most < 0) {
                at = start;
                return new int[0];
            }
            least = Math.max(0, least);
        }
        if (least < 0 || !takes("}")) {
            at = start; // no interval: an ordinary brace
            return new int[0];
        }
        if (Math.max(least, most) > MOST_TIMES) {
            throw refuse(String.format(Locale.ROOT, "a repetition of more than %,d times", MOST_TIMES));
        }
        if (most >= 0 && most < least) {
            throw refuse(String.format(Locale.ROOT, "an interval {%d,%d} whose limits are exchanged", least, most));
        }
        return new int[] {least, most};
    }

    /** Decimal digits, -1 if there are none. */
    private int number() {
        long number = -1;
        while (more() && regex[at] >= '0' && regex[at] <= '9') {
            number = Math.min(Integer.MAX_VALUE, Math.max(0, number) * 10 + regex[at++] - '0');
        }
        return (int) number;
    }

    private RegexNode atom(Options options) throws Refusal {
        int c = regex[at];
        return switch (c) {
            case '(' -> {
                RegexNode group = group(options);
                literal.setLength(0);
                yield group;
            }
            case '[' -> {
                literal.setLength(0);
                at++;
                yield set(bracket(options), options, false);
            }
            case '.' -> {
                at++;
                literal.setLength(0);
                yield new RegexNode.One(
                        options.dotAll
                                ? CodePointSet.ALL
                                : CodePointSet.range('\n', '\n').not());
            }
            case '^' -> {
                at++;
                yield Anchor.LINE_START;
            }
            case '$' -> {
                at++;
                yield Anchor.LINE_END;
            }
            case '\\' -> {
                at++;
                yield escape(options);
            }
            case '*', '+', '?', '{' -> {
                if (times().length > 0) {
                    throw refuse("a repetition of nothing");
                }
                at++;
                yield literal(c, options); // a brace that is no interval
            }
            default -> {
                at++;
                yield literal(c, options);
            }
        };
    }

    private RegexNode literal(int c, Options options) throws Refusal {
        CodePointSet one = CodePointSet.range(c, c);
        if (!options.anyCase) {
            literal.setLength(0);
            return new RegexNode.One(one);
        }
        literal.appendCodePoint(CodePointSet.folded(c));
        String several = CodePointSet.longFoldingIn(literal.toString());
        if (several != null) {
            throw refuse(String.format(Locale.ROOT, "'%s' without case, which is also one character", several));
        }
        return set(one, options, false);
    }

    private RegexNode set(CodePointSet set, Options options, boolean property) throws Refusal {
        if (!options.anyCase) {
            return new RegexNode.One(set);
        }
        OptionalInt folding = set.longFolding();
        if (folding.isPresent() && !property && !set.has(0x10FFFF)) {
            throw refuse(String.format(
                    Locale.ROOT,
                    "'%s' without case, which is also several characters",
                    Character.toString(folding.getAsInt())));
        }
        return new RegexNode.One(property ? set : set.anyCase());
    }

    private RegexNode group(Options options) throws Refusal {
        at++;
        if (sees("*")) {
            throw refuse("a callout (*...)");
        }
        if (!takes("?")) {
            return closed(choice(options));
        }
        if (takes(":")) {
            return closed(choice(options));
        }
        if (takes("=")) {
            return new RegexNode.Look(closed(choice(options)), false, false);
        }
        if (takes("!")) {
            return new RegexNode.Look(closed(choice(options)), false, true);
        }
        if (takes(">")) {
            return new RegexNode.Atomic(closed(choice(options)));
        }
        if (takes("<=")) {
            return behind(options, false);
        }
        if (takes("<!")) {
            return behind(options, true);
        }
        if (takes("<") || sees("'")) {
            int end = regex[at] == '\'' ? '\'' : '>';
            at += end == '\'' ? 1 : 0;
            while (more() && (Character.isLetterOrDigit(regex[at]) || regex[at] == '_')) {
                at++;
            }
            if (!takes(Character.toString(end))) {
                throw refuse("the name of a group");
            }
            return closed(choice(options));
        }
        return options(options);
    }

    private RegexNode behind(Options options, boolean negated) throws Refusal {
        RegexNode body = closed(choice(options));
        if (body.longest() < 0 || body.longest() > 255) {
            throw refuse("a look behind without a limit of 255 characters");
        }
        return new RegexNode.Look(body, true, negated);
    }

    /** {@code (?i)} is for the rest of the group, alternatives included; {@code (?i:...)} for its own. */
    private RegexNode options(Options before) throws Refusal {
        Options options = before;
        boolean on = true;
        for (; more() && regex[at] != ')' && regex[at] != ':'; at++) {
            switch (regex[at]) {
                case '-' -> on = false;
                case 'i' -> options = new Options(on, options.dotAll, options.extended);
                case 'm' -> options = new Options(options.anyCase, on, options.extended);
                case 'x' -> options = new Options(options.anyCase, options.dotAll, on);
                case '(' -> throw refuse("a condition (?(...)...)");
                case '~' -> throw refuse("an absent group (?~...)");
                case '{' -> throw refuse("a callout (?{...})");
                default ->
                    throw refuse(
                            String.format(Locale.ROOT, "the option '%s' of a group", Character.toString(regex[at])));
            }
        }
        if (takes(":")) {
            return closed(choice(options));
        }
        if (!takes(")")) {
            throw refuse("a group without an end");
        }
        return choice(options);
    }

    private RegexNode closed(RegexNode body) throws Refusal {
        if (!takes(")")) {
            throw refuse("a '(' without a ')'");
        }
        return body;
    }

    private RegexNode escape(Options options) throws Refusal {
        if (!more()) {
            throw refuse("a backslash at the end");
        }
        Anchor anchor = switch (regex[at]) {
            case 'A' -> Anchor.TEXT_START;
            case 'z' -> Anchor.TEXT_END;
            case 'Z' -> Anchor.TEXT_END_OR_LAST_LINE;
            case 'b' -> Anchor.WORD_BORDER;
            case 'B' -> Anchor.NO_WORD_BORDER;
            case 'G' -> Anchor.SEARCH_START;
            default -> null;
        };
        if (anchor != null) {
            at++;
            return anchor;
        }
        if (takes("R")) {
            literal.setLength(0);
            return NEW_LINE;
        }
        if (regex[at] >= '1' && regex[at] <= '9') {
            throw refuse("a back-reference");
        }
        boolean property = isClass();
        if (property) {
            literal.setLength(0);
            boolean word = regex[at] == 'w';
            boolean noWord = regex[at] == 'W';
            CodePointSet set = classEscape();
            return word || noWord
                    ? new RegexNode.One(word ? CodePointSet.WORD_ALONE : CodePointSet.WORD_ALONE.not())
                    : set(set, options, true);
        }
        return literal(characterEscape(), options);
    }

    private boolean isClass() {
        return "dDwWsShHpP".indexOf(regex[at]) >= 0;
    }

    /** {@code d w s h}, their complements, and {@code p{Name}}, after the backslash. */
    private CodePointSet classEscape() throws Refusal {
        int letter = regex[at++];
        CodePointSet set = switch (Character.toLowerCase(letter)) {
            case 'd' -> CodePointSet.DIGIT;
            case 'w' -> CodePointSet.WORD;
            case 's' -> CodePointSet.SPACE;
            case 'h' -> CodePointSet.HEX;
            default -> property();
        };
        return Character.isUpperCase(letter) ? set.not() : set;
    }

    private CodePointSet property() throws Refusal {
        if (!takes("{")) {
            throw refuse("a property without braces");
        }
        String name = upTo("}");
        CodePointSet set = CodePointSet.named(name);
        if (set == null) {
            throw refuse(String.format(Locale.ROOT, "the property {%s}", name));
        }
        return set;
    }

    private String upTo(String end) throws Refusal {
        StringBuilder text = new StringBuilder();
        while (more() && !sees(end)) {
            text.appendCodePoint(regex[at++]);
        }
        if (!takes(end)) {
            throw refuse(String.format(Locale.ROOT, "a '%s' that is missing", end));
        }
        return text.toString();
    }

    /** A character after a backslash. */
    private int characterEscape() throws Refusal {
        int c = regex[at++];
        return switch (c) {
            case 't' -> '\t';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 'f' -> '\f';
            case 'v' -> 0x0B;
            case 'a' -> 0x07;
            case 'e' -> 0x1B;
            case 'x' -> takes("{") ? number(upTo("}"), 16) : ascii(number(digits(2), 16));
            case 'u' -> number(digits(4), 16);
            case 'o' -> {
                if (!takes("{")) {
                    throw refuse("the escape \\o");
                }
                yield number(upTo("}"), 8);
            }
            case '0' -> {
                StringBuilder octal = new StringBuilder("0");
                while (more() && octal.length() < 3 && regex[at] >= '0' && regex[at] <= '7') {
                    octal.appendCodePoint(regex[at++]);
                }
                yield ascii(number(octal.toString(), 8));
            }
            default -> {
                if (c < 128 && Character.isLetterOrDigit(c)) {
                    at--;
                    throw refuse(String.format(Locale.ROOT, "the escape \\%c", c));
                }
                yield c;
            }
        };
    }

    private int ascii(int c) throws Refusal {
        if (c > 127) {
            throw refuse("a byte that is no character");
        }
        return c;
    }

    private String digits(int most) {
        StringBuilder digits = new StringBuilder();
        while (more() && digits.length() < most && Character.digit(regex[at], 16) >= 0 && regex[at] < 128) {
            digits.appendCodePoint(regex[at++]);
        }
        return digits.toString();
    }

    private int number(String digits, int radix) throws Refusal {
        try {
            int c = Integer.parseInt(digits.strip(), radix);
            if (Character.isValidCodePoint(c) && !(c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
                return c;
            }
        } catch (NumberFormatException e) {
            throw refuse(String.format(Locale.ROOT, "the number '%s' of a character", digits));
        }
        throw refuse(String.format(Locale.ROOT, "the character %s", digits));
    }

    /** A bracket after its opening: items, ranges, nested brackets, intersections. */
    private CodePointSet bracket(Options options) throws Refusal {
        if (++depth > DEEPEST) {
            throw refuse(String.format(Locale.ROOT, "more than %d brackets in each other", DEEPEST));
        }
        boolean not = takes("^");
        CodePointSet whole = CodePointSet.ALL;
        CodePointSet part = CodePointSet.ALL.not();
        boolean empty = true;
        while (true) {
            if (!more()) {
                throw refuse("a '[' without a ']'");
            }
            if (regex[at] == ']' && !(empty && closesLater())) {
                break;
            }
            if (takes("&&")) {
                whole = whole.and(part);
                part = CodePointSet.ALL.not();
            } else {
                part = part.or(item(options));
            }
            empty = false;
        }
        if (empty) {
            throw refuse("an empty bracket");
        }
        at++;
        depth--;
        CodePointSet set = whole.and(part);
        if (!not) {
            return set;
        }
        return (options.anyCase ? set.anyCase() : set).not();
    }

    private boolean closesLater() {
        for (int i = at + 1; i < regex.length; i++) {
            if (regex[i] == ']') {
                return true;
            }
        }
        return false;
    }

    private CodePointSet item(Options options) throws Refusal {
        if (sees("[:") && posixEnd() >= 0) {
            return posix();
        }
        if (takes("[")) {
            return bracket(options);
        }
        int first;
        if (takes("\\")) {
            if (!more()) {
                throw refuse("a backslash at the end");
            }
            if (isClass()) {
                return classEscape();
            }
            first = bracketEscape();
        } else {
            first = regex[at++];
        }
        boolean range = sees("-") && at + 1 < regex.length && regex[at + 1] != ']' && !sees("-&&");
        if (!range) {
            return CodePointSet.range(first, first);
        }
        if (at + 2 < regex.length && (regex[at + 1] == '[' || (regex[at + 1] == '\\' && isClassAt(at + 2)))) {
            return CodePointSet.range(first, first); // the dash is a character of its own
        }
        at++;
        int last = takes("\\") ? bracketEscape() : regex[at++];
        if (last < first) {
            throw refuse("a range whose limits are exchanged");
        }
        return CodePointSet.range(first, last);
    }

    private boolean isClassAt(int index) {
        return "dDwWsShHpP".indexOf(regex[index]) >= 0;
    }

    private int bracketEscape() throws Refusal {
        if (!more()) {
            throw refuse("a backslash at the end");
        }
        return takes("b") ? '\b' : characterEscape();
    }

    /** Index of the end of a POSIX name that begins here; -1 if this is another bracket. */
    private int posixEnd() {
        for (int i = at + 2; i + 1 < regex.length && i < at + 22; i++) {
            if (regex[i] == ':' && regex[i + 1] == ']') {
                return i;
            }
            if (!Character.isLetter(regex[i]) && regex[i] != '^') {
                return -1;
            }
        }
        return -1;
    }

    private CodePointSet posix() throws Refusal {
        at += 2;
        boolean not = takes("^");
        String name = upTo(":]");
        CodePointSet set = CodePointSet.bracketed(name);
        if (set == null) {
            throw refuse(String.format(Locale.ROOT, "the POSIX class [:%s:]", name));
        }
        return not ? set.not() : set;
    }
}
