package cloze.text.token;

import cloze.io.DataException;
import cloze.text.bpe.BpeEncoder;
import cloze.text.bpe.BpeModel;
import cloze.text.bpe.BpeTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * Reads a tokenizer.json of the Hugging Face tokenizers library: byte-level BPE, and the forms that
 * {@link CharTokenizer} and {@link ByteTokenizer} write. Truncation, padding and the post-processor (which adds special
 * tokens around a text) are not applied and are kept unchanged.
 */
public final class TokenizerJson {
    /** The two tokens of a merge, and its place in the file for messages. */
    public record MergeText(String left, String right, String place) {}

    private final Path file;
    private final String text;

    TokenizerJson(Path file, String text) {
        this.file = file;
        this.text = text;
    }

    Tokenizer read(JsonNode root) throws DataException {
        JsonNode model = root.path("model");
        String type = model.path("type").asString(model.has("merges") ? "BPE" : "");
        return switch (type) {
            case "WordLevel" -> characters(root, model);
            case "BPE" -> bpe(root, model);
            default ->
                throw new DataException(
                        file, "/model/type", "BPE or WordLevel", TokenizerFiles.kind(model.path("type")));
        };
    }

    /** @param ids of the model, of which an added token may have that of its own text */
    private List<AddedTokens.Token> addedTokens(JsonNode list, Map<String, Integer> ids) throws DataException {
        if (!list.isArray() && !list.isMissingNode() && !list.isNull()) {
            throw new DataException(file, "/added_tokens", "a list", TokenizerFiles.kind(list));
        }
        int limit = limit(ids.size() + list.size());
        List<AddedTokens.Token> tokens = new ArrayList<>();
        Map<Integer, String> byId = new HashMap<>();
        for (JsonNode token : list) {
            String place = "/added_tokens/" + tokens.size();
            JsonNode id = token.path("id");
            JsonNode content = token.path("content");
            if (!id.isInt() || !content.isString()) {
                throw new DataException(file, place, "an id and a content", TokenizerFiles.kind(token));
            }
            if (id.intValue() < 0 || id.intValue() >= limit) {
                throw new DataException(
                        file, place + "/id", String.format(Locale.ROOT, "an id in [0, %d)", limit), id.toString());
            }
            String other = byId.putIfAbsent(id.intValue(), content.stringValue());
            if (other != null) {
                throw new DataException(file, place + "/id", "an id of its own", id + ", the id of \"" + other + "\"");
            }
            Integer inModel = ids.get(content.stringValue());
            if (inModel != null && inModel != id.intValue()) {
                throw new DataException(file, place + "/id", inModel + ", as in /model/vocab", id.toString());
            }
            boolean special = token.path("special").asBoolean(false);
            tokens.add(new AddedTokens.Token(
                    id.intValue(),
                    content.stringValue(),
                    token.path("single_word").asBoolean(false),
                    token.path("lstrip").asBoolean(false),
                    token.path("rstrip").asBoolean(false),
                    token.path("normalized").asBoolean(!special),
                    special));
        }
        for (Map.Entry<String, Integer> entry : ids.entrySet()) {
            String other = byId.get(entry.getValue());
            if (other != null && !other.equals(entry.getKey())) {
                throw new DataException(
                        file,
                        "/model/vocab \"" + entry.getKey() + "\"",
                        "an id of its own",
                        entry.getValue() + ", the id of the added \"" + other + "\"");
            }
        }
        return tokens;
    }

    private Tokenizer characters(JsonNode root, JsonNode model) throws DataException {
        JsonNode split = root.path("pre_tokenizer");
        String regex = split.path("pattern").path("Regex").asString("");
        if (!split.path("type").asString("").equals("Split") || !regex.equals(TokenizerJsonWriter.ANY_CHARACTER)) {
            throw new DataException(
                    file,
                    "/pre_tokenizer",
                    "a Split on " + TokenizerJsonWriter.ANY_CHARACTER,
                    TokenizerFiles.kind(split));
        }
        requireNone(root, "normalizer");
        Map<String, Integer> ids = TokenizerFiles.ids(file, "/model/vocab", model.path("vocab"));
        List<AddedTokens.Token> added = addedTokens(root.path("added_tokens"), ids);
        int[] codePoints = new int[ids.size()];
        int characters = ids.size();
        for (Map.Entry<String, Integer> entry : ids.entrySet()) {
            String token = entry.getKey();
            boolean special = added.stream().anyMatch(t -> t.content().equals(token));
            if (special) {
                characters--;
            } else if (token.codePointCount(0, token.length()) != 1 || entry.getValue() >= codePoints.length) {
                throw new DataException(file, "/model/vocab \"" + token + "\"", "a single character", token);
            } else {
                codePoints[entry.getValue()] = token.codePointAt(0);
            }
        }
        for (int i = 0; i < added.size(); i++) {
            if (added.get(i).id() != characters + i) {
                String expected = "id " + (characters + i) + ", after the characters";
                throw new DataException(
                        file, "/added_tokens/" + i, expected, "" + added.get(i).id());
            }
        }
        List<String> specials = added.stream().map(AddedTokens.Token::content).toList();
        return CharTokenizer.of(java.util.Arrays.copyOf(codePoints, characters), specials);
    }

    private Tokenizer bpe(JsonNode root, JsonNode model) throws DataException {
        for (String piece : Set.of("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")) {
            JsonNode value = model.path(piece);
            boolean off = value.isMissingNode()
                    || value.isNull()
                    || value.asString("-").isEmpty()
                    || (value.isBoolean() && !value.booleanValue())
                    || (piece.equals("dropout") && value.isNumber() && value.doubleValue() == 0);
            if (!off) {
                throw new DataException(
                        file, "/model/" + piece, "null, as byte-level BPE has it", TokenizerFiles.kind(value));
            }
        }
        Map<String, Integer> ids = TokenizerFiles.ids(file, "/model/vocab", model.path("vocab"));
        List<AddedTokens.Token> added = addedTokens(root.path("added_tokens"), ids);
        List<MergeText> merges = merges(model.path("merges"));
        TokenizerSteps steps = new TokenizerSteps(file);
        BpeEncoder.Steps read = steps.read(root);
        if (isBytes(ids, merges, added, root)) {
            return new ByteTokenizer();
        }
        BpeModel tables = model(file, ids, merges, options(model, ids), limit(ids.size()));
        requireDecoder(root.path("decoder"));
        return new BpeTokenizer(tables, added, read, steps.cuttable(), text);
    }

    private BpeModel.Options options(JsonNode model, Map<String, Integer> ids) throws DataException {
        String unknown = model.path("unk_token").asString("");
        Integer id = ids.get(unknown);
        if (!unknown.isEmpty() && id == null) {
            throw new DataException(file, "/model/unk_token", "a token of the vocabulary", unknown);
        }
        return new BpeModel.Options(
                model.path("ignore_merges").asBoolean(false),
                id == null ? -1 : id,
                model.path("fuse_unk").asBoolean(false));
    }

    private static boolean isBytes(
            Map<String, Integer> ids, List<MergeText> merges, List<AddedTokens.Token> added, JsonNode root) {
        boolean plain = merges.isEmpty()
                && added.equals(ByteTokenizer.addedTokens())
                && !root.path("pre_tokenizer").path("add_prefix_space").asBoolean(true);
        for (int b = 0; plain && b < 256; b++) {
            plain = Integer.valueOf(b).equals(ids.get(String.valueOf(ByteLevel.character(b))));
        }
        return plain;
    }

    private List<MergeText> merges(JsonNode list) throws DataException {
        List<MergeText> merges = new ArrayList<>(list.size());
        for (JsonNode merge : list) {
            String place = "/model/merges/" + merges.size();
            if (merge.isArray()
                    && merge.size() == 2
                    && merge.path(0).isString()
                    && merge.path(1).isString()) {
                merges.add(
                        new MergeText(merge.path(0).stringValue(), merge.path(1).stringValue(), place));
            } else {
                merges.add(mergeText(file, place, merge.isString() ? merge.stringValue() : ""));
            }
        }
        return merges;
    }

    static MergeText mergeText(Path file, String place, String line) throws DataException {
        int space = line.indexOf(' ');
        if (space <= 0 || space != line.lastIndexOf(' ') || space == line.length() - 1) {
            throw new DataException(file, place, "two tokens with a space between", "\"" + line + "\"");
        }
        return new MergeText(line.substring(0, space), line.substring(space + 1), place);
    }

    /** The upper limit of ids: a vocabulary may skip ids, but a small file must not cause a large table. */
    static int limit(int tokens) {
        return (int) Math.min(Integer.MAX_VALUE - 8L, 4L * tokens + (1 << 16));
    }

    static BpeModel model(
            Path file, Map<String, Integer> ids, List<MergeText> texts, BpeModel.Options options, int limit)
            throws DataException {
        int size = ids.values().stream().mapToInt(id -> id + 1).max().orElse(0);
        byte[][] tokens = new byte[Math.min(size, limit)][];
        java.util.Arrays.fill(tokens, new byte[0]);
        ids.forEach((token, id) -> tokens[id] = ByteLevel.bytes(token));
        List<BpeModel.Merge> merges = new ArrayList<>(texts.size());
        for (MergeText merge : texts) {
            Integer left = id(file, ids, merge, merge.left());
            Integer right = id(file, ids, merge, merge.right());
            merges.add(new BpeModel.Merge(left, right, id(file, ids, merge, merge.left() + merge.right())));
        }
        return new BpeModel(tokens, merges, options);
    }

    private static int id(Path file, Map<String, Integer> ids, MergeText merge, String token) throws DataException {
        Integer id = ids.get(token);
        if (id == null) {
            throw new DataException(file, merge.place(), "tokens of the vocabulary", "\"" + token + "\"");
        }
        return id;
    }

    private void requireNone(JsonNode root, String piece) throws DataException {
        JsonNode value = root.path(piece);
        if (!value.isMissingNode() && !value.isNull()) {
            throw new DataException(file, "/" + piece, "null", TokenizerFiles.kind(value));
        }
    }

    private void requireDecoder(JsonNode decoder) throws DataException {
        boolean byteLevel = decoder.path("type").asString("").equals("ByteLevel");
        if (decoder.path("type").asString("").equals("Sequence")) {
            byteLevel = decoder.path("decoders").size() == 1
                    && decoder.path("decoders")
                            .path(0)
                            .path("type")
                            .asString("")
                            .equals("ByteLevel");
        }
        if (!byteLevel) {
            throw new DataException(file, "/decoder", "ByteLevel", TokenizerFiles.kind(decoder));
        }
    }
}
