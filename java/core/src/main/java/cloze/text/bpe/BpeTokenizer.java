package cloze.text.bpe;

import cloze.text.token.AddedTokens;
import cloze.text.token.CharacterClass;
import cloze.text.token.TokenBuffer;
import cloze.text.token.Tokenizer;
import cloze.text.token.Utf8;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Byte-level byte pair encoding of GPT-2 and of any tokenizer.json of that kind. A byte without a token becomes the
 * unknown token, or is dropped if there is none, as in the Hugging Face library.
 *
 * @see "Radford et al. 2019, Language Models are Unsupervised Multitask Learners, 2.2"
 */
public final class BpeTokenizer implements Tokenizer {
    private final BpeModel model;
    private final List<AddedTokens.Token> added;
    private final AddedTokens raw;
    private final AddedTokens normalized;
    private final BpeEncoder.Steps steps;
    private final boolean cuttable;
    private final String json;
    private final boolean seeks;
    private final Map<String, Integer> specials = new HashMap<>();
    private final Map<Integer, byte[]> addedBytes = new HashMap<>();
    private final int vocabularySize;
    private final ConcurrentLinkedQueue<BpeEncoder> idle = new ConcurrentLinkedQueue<>();

    /** @param cuttable true if every step can restart at an ASCII space after a letter */
    public BpeTokenizer(
            BpeModel model, List<AddedTokens.Token> added, BpeEncoder.Steps steps, boolean cuttable, String json) {
        this(model, added, true, steps, cuttable, json);
    }

    private BpeTokenizer(
            BpeModel model,
            List<AddedTokens.Token> added,
            boolean seeks,
            BpeEncoder.Steps steps,
            boolean cuttable,
            String json) {
        this.model = model;
        this.added = List.copyOf(added);
        this.steps = steps;
        this.cuttable = cuttable;
        this.json = json;
        this.seeks = seeks;
        List<AddedTokens.Token> sought =
                added.stream().filter(t -> seeks || !t.special()).toList();
        raw = new AddedTokens(sought.stream().filter(t -> !t.normalized()).toList());
        normalized = new AddedTokens(sought.stream().filter(t -> t.normalized()).toList());
        int size = model.size();
        for (AddedTokens.Token token : added) {
            size = Math.max(size, token.id() + 1);
            addedBytes.put(token.id(), token.content().getBytes(StandardCharsets.UTF_8));
            if (token.special()) {
                specials.put(token.content(), token.id());
            }
        }
        vocabularySize = size;
    }

    @Override
    public int vocabularySize() {
        return vocabularySize;
    }

    @Override
    public void encode(byte[] utf8, int from, int to, TokenBuffer out) {
        if (Utf8.firstBroken(utf8, from, to) >= 0) {
            byte[] whole = Utf8.repair(utf8, from, to).bytes;
            encode(whole, 0, whole.length, out);
            return;
        }
        BpeEncoder lent = idle.poll();
        BpeEncoder encoder = lent == null ? new BpeEncoder(model, raw, normalized, steps) : lent;
        encoder.encode(utf8, from, to, out);
        idle.add(encoder);
    }

    @Override
    public byte[] bytes(int id) {
        if (id < 0 || id >= vocabularySize) {
            throw new IndexOutOfBoundsException(
                    String.format(Locale.ROOT, "BpeTokenizer: id must be in [0, %d), but is %d", vocabularySize, id));
        }
        byte[] bytes = addedBytes.get(id);
        if (bytes != null) {
            return bytes.clone();
        }
        return id < model.size() ? model.token(id).clone() : new byte[0];
    }

    @Override
    public List<String> specialTokens() {
        return added.stream()
                .filter(t -> t.special())
                .map(AddedTokens.Token::content)
                .toList();
    }

    @Override
    public OptionalInt special(String token) {
        Integer id = specials.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /** The last token of the character, since a vocabulary may add a space before it. */
    @Override
    public OptionalInt single(String character) {
        int[] ids = ordinary().encode(character);
        return ids.length == 0 ? OptionalInt.empty() : OptionalInt.of(ids[ids.length - 1]);
    }

    @Override
    public BpeTokenizer ordinary() {
        return new BpeTokenizer(model, added, false, steps, cuttable, json);
    }

    /** Cuts between a letter and an ASCII space or line break, where all known patterns restart. */
    @Override
    public int cut(byte[] utf8, int from, int to) {
        int margin = Math.max(raw.longest(), normalized.longest());
        for (int i = cuttable ? to - 1 - margin : from; i > from; i--) {
            byte b = utf8[i];
            if ((b == ' ' || (b >= '\t' && b <= '\r')) && letterBefore(utf8, i, from)) {
                if (!raw.spans(utf8, from, i, to) && !normalized.spans(utf8, from, i, to)) {
                    return i;
                }
            }
        }
        return from;
    }

    private static boolean letterBefore(byte[] utf8, int i, int from) {
        int start = Utf8.before(utf8, i, from);
        return Utf8.sequence(utf8, start, i) == i - start && CharacterClass.at(utf8, start) == CharacterClass.LETTER;
    }

    @Override
    public boolean seeksSpecialTokens() {
        return seeks;
    }

    @Override
    public String json() {
        return json;
    }
}
