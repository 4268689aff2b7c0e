package cloze.text.token;

import cloze.io.DataException;
import cloze.text.bpe.BpeEncoder;
import cloze.text.bpe.BpeModel;
import cloze.text.bpe.BpeTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Finds the files of a tokenizer, and reads those of GPT-2's release. */
final class TokenizerFiles {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();
    private static final List<List<String>> PAIRS =
            List.of(List.of("encoder.json", "vocab.bpe"), List.of("vocab.json", "merges.txt"));

    /** Bytes; the largest that are in use have some 30 MB. */
    private static final long LARGEST = 256 << 20;

    private TokenizerFiles() {}

    static Tokenizer load(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return loadFolder(path);
        }
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString(), null, "there is no tokenizer");
        }
        for (List<String> pair : PAIRS) {
            if (pair.contains(String.valueOf(path.getFileName()))) {
                return gpt2(path.resolveSibling(pair.get(0)), path.resolveSibling(pair.get(1)));
            }
        }
        String text = text(path);
        return new TokenizerJson(path, text).read(parse(path, text));
    }

    private static Tokenizer loadFolder(Path folder) throws IOException {
        Path json = folder.resolve("tokenizer.json");
        if (Files.exists(json)) {
            return load(json);
        }
        for (List<String> pair : PAIRS) {
            Path vocabulary = folder.resolve(pair.get(0));
            Path merges = folder.resolve(pair.get(1));
            if (Files.exists(vocabulary) && Files.exists(merges)) {
                return gpt2(vocabulary, merges);
            }
        }
        throw new DataException(
                folder, "files", "tokenizer.json, or encoder.json and vocab.bpe, or vocab.json and merges.txt", "none");
    }

    /** The text of a file of a tokenizer, without a byte-order mark. */
    private static String text(Path file) throws IOException {
        if (Files.size(file) > LARGEST) {
            throw new DataException(
                    file,
                    "size",
                    String.format(Locale.ROOT, "at most %,d bytes", LARGEST),
                    String.format(Locale.ROOT, "%,d bytes", Files.size(file)));
        }
        byte[] utf8 = Files.readAllBytes(file);
        int broken = Utf8.firstBroken(utf8, 0, utf8.length);
        if (broken >= 0) {
            throw new DataException(
                    file, "byte " + broken, "UTF-8", String.format(Locale.ROOT, "0x%02x", utf8[broken] & 0xFF));
        }
        String text = new String(utf8, StandardCharsets.UTF_8);
        return text.startsWith("\uFEFF") ? text.substring(1) : text;
    }

    static JsonNode parse(Path file, String text) throws DataException {
        try {
            return JSON.readTree(text);
        } catch (JacksonException e) {
            TokenStreamLocation at = e.getLocation();
            String place = at == null ? "start" : "line " + at.getLineNr() + " column " + at.getColumnNr();
            throw new DataException(file + ", " + place + ": expected JSON: " + e.getOriginalMessage(), e);
        }
    }

    /** Reads {@code encoder.json} (token to id) and {@code vocab.bpe} (a version line, then one merge per line). */
    private static Tokenizer gpt2(Path encoder, Path merges) throws IOException {
        JsonNode vocabulary = parse(encoder, text(encoder));
        Map<String, Integer> ids = new LinkedHashMap<>(ids(encoder, "/", vocabulary));
        List<TokenizerJson.MergeText> pairs = new ArrayList<>();
        int number = 0;
        for (String line : text(merges).lines().toList()) {
            number++;
            if ((number == 1 && line.startsWith("#version")) || line.isEmpty()) {
                continue;
            }
            pairs.add(TokenizerJson.mergeText(merges, "line " + number, line));
        }
        List<AddedTokens.Token> added = new ArrayList<>();
        Integer end = ids.get(Tokenizer.END_OF_TEXT);
        if (end != null) {
            added.add(AddedTokens.Token.special(end, Tokenizer.END_OF_TEXT));
        }
        BpeModel model =
                TokenizerJson.model(merges, ids, pairs, BpeModel.Options.PLAIN, TokenizerJson.limit(ids.size()));
        String json = TokenizerJsonWriter.bpe(ids, pairs, added);
        BpeEncoder.Steps steps = new BpeEncoder.Steps(null, List.of(new Gpt2Pattern()));
        return new BpeTokenizer(model, added, steps, true, json);
    }

    /** Reads a map of token to id; every id is used once. */
    static Map<String, Integer> ids(Path file, String pointer, JsonNode vocabulary) throws DataException {
        if (!vocabulary.isObject()) {
            throw new DataException(file, pointer, "an object of token to id", kind(vocabulary));
        }
        int limit = TokenizerJson.limit(vocabulary.size());
        Map<String, Integer> ids = LinkedHashMap.newLinkedHashMap(vocabulary.size());
        Map<Integer, String> tokens = new java.util.HashMap<>();
        for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
            JsonNode id = entry.getValue();
            String place = pointer + " \"" + entry.getKey() + "\"";
            if (!id.isInt() || id.intValue() < 0 || id.intValue() >= limit) {
                throw new DataException(file, place, "an id in [0, " + limit + ")", kind(id));
            }
            String other = tokens.putIfAbsent(id.intValue(), entry.getKey());
            if (other != null) {
                throw new DataException(file, place, "an id of its own", id + ", the id of \"" + other + "\"");
            }
            ids.put(entry.getKey(), id.intValue());
        }
        return ids;
    }

    static String kind(JsonNode node) {
        String text = node.toString();
        return node.isMissingNode() ? "nothing" : text.length() > 60 ? text.substring(0, 60) + "..." : text;
    }
}
