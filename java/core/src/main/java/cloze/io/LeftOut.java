package cloze.io;

import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files beside images that are not read, counted by their ending, so that a user sees what is missing. */
public final class LeftOut {
    private static final Logger LOG = LoggerFactory.getLogger(LeftOut.class);

    /** Endings of files that say something of images and are none. */
    private static final Set<String> COMPANIONS = Set.of(
            "", "cfg", "cls", "csv", "db", "htm", "html", "ini", "ipynb", "json", "jsonl", "log", "lst", "mat", "md",
            "names", "npy", "npz", "pdf", "pkl", "py", "sh", "tsv", "txt", "url", "xml", "yaml", "yml");

    private final Map<String, Integer> counts = new TreeMap<>();

    /** Counts nothing yet. */
    public LeftOut() {}

    /** Counts a file, unless its ending says that it describes others. */
    public void add(String name) {
        String file = name.substring(name.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
        int dot = file.lastIndexOf('.');
        String ending = dot < 0 ? "" : file.substring(dot + 1);
        if (!COMPANIONS.contains(ending)) {
            counts.merge(ending, 1, Integer::sum);
        }
    }

    /** Such as {@code 12 files of .heic can not be read}; empty if there are none. */
    public String message() {
        return counts.isEmpty()
                ? ""
                : counts.entrySet().stream()
                        .map(each -> String.format(
                                Locale.ROOT,
                                "%d %s of .%s",
                                each.getValue(),
                                each.getValue() == 1 ? "file" : "files",
                                each.getKey()))
                        .collect(Collectors.joining(", ", "", " can not be read"));
    }

    /** Logs the message, if there are such files. */
    public void warn(Object source) {
        if (!counts.isEmpty()) {
            LOG.warn("{}: {}", source, message());
        }
    }

    /** An error that says where no images are, and what is there instead. */
    public DataException nothing(Object source, String place) {
        String instead = counts.isEmpty() ? "" : "; " + message();
        return new DataException(String.format(Locale.ROOT, "%s: no images are in this %s%s", source, place, instead));
    }
}
