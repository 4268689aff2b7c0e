package cloze.cuda.driver;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The native halves of JCuda's classes. JCuda unpacks one that is in no folder of {@code java.library.path} from its jar into
 * {@code java.io.tmpdir}, always under the same name. If a file of that name exists, JCuda loads it as it is, even if it
 * belongs to another user or another process has written only half of it. So JCuda gets a new private folder.
 */
public final class JCudaNatives {
    private static final String TEMPORARY = "java.io.tmpdir";

    /** No folder: nothing can be unpacked into it. */
    private static final Path NOWHERE = Path.of("/dev/null");

    private JCudaNatives() {}

    /**
     * Lets JCuda load a native half.
     *
     * @param touch the first use of a class of JCuda
     * @throws LinkageError if it can not be loaded
     */
    public static synchronized void load(Runnable touch) {
        Path folder = folder();
        String before = System.setProperty(TEMPORARY, folder.toString());
        try {
            touch.run();
        } finally {
            if (before == null) {
                System.clearProperty(TEMPORARY);
            } else {
                System.setProperty(TEMPORARY, before);
            }
            delete(folder);
        }
    }

    /** A new folder for this user alone. */
    private static Path folder() {
        try {
            return Files.createTempDirectory("cloze-jcuda-");
        } catch (IOException _) {
            return NOWHERE; // it may still be in a folder of java.library.path
        }
    }

    /** A loaded library stays loaded without its file. */
    private static void delete(Path folder) {
        if (folder.equals(NOWHERE)) {
            return;
        }
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.delete(file);
            }
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The reasons that JCuda puts in two stack traces; for a class that failed before, the reasons of the first failure. */
    public static String reason(LinkageError error) {
        Throwable first = error.getCause() == null ? error : error.getCause();
        List<String> lines = String.valueOf(first.getMessage()).lines().toList();
        String reasons = lines.stream()
                .filter(line -> line.matches("java\\.[\\w.]+: .*"))
                .map(line -> line.substring(line.indexOf(' ') + 1))
                .collect(Collectors.joining("; "));
        return reasons.isEmpty() ? lines.getFirst() : reasons;
    }
}
