package cloze.cuda.cudnn;

import cloze.backend.BackendException;
import cloze.cuda.driver.LibrarySearch;
import cloze.cuda.driver.SharedLibrary;
import cloze.cuda.driver.VersionNodes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The implementation of convolution: cuDNN 9 if it is found, else own kernels. The system property {@code
 * cloze.cuda.convolutions} chooses {@code own} or {@code cudnn}; {@code cloze.cuda.cudnn} is the path of the library.
 *
 * @param library of cuDNN, or null for own kernels
 * @param reason why it was chosen, or why it was not found
 */
public record ConvolutionChoice(LibrarySearch.@Nullable Found library, String reason) {
    private static final String CHOICE = "cloze.cuda.convolutions";
    private static final String LIBRARY = "cloze.cuda.cudnn";

    /** The file that JCudnn was linked against, and the version of its functions. */
    static final String NODE = "libcudnn.so.9";

    private static final ConvolutionChoice OWN = new ConvolutionChoice(null, CHOICE + "=own");

    /** @throws BackendException if the property has another value, or the library that it asks for is not found */
    public static ConvolutionChoice choose() {
        String choice = System.getProperty(CHOICE, "");
        return switch (choice) {
            case "own" -> OWN;
            case "", "cudnn" -> find(LibrarySearch.here(List.of(NODE)), !choice.isEmpty());
            default ->
                throw new BackendException(
                        String.format(Locale.ROOT, "%s must be own or cudnn, but it is %s", CHOICE, choice));
        };
    }

    /** @throws BackendException if it was asked for and no usable one is found */
    static ConvolutionChoice find(LibrarySearch search, boolean asked) {
        var objections = new ArrayList<String>();
        String file = System.getProperty(LIBRARY);
        LibrarySearch.Found found = file != null ? named(file, objections) : search.find(without(objections));
        String trouble = found == null ? null : load(found.library());
        if (found != null && trouble == null) {
            return new ConvolutionChoice(found, asked ? "asked for by " + CHOICE : OWN.reason + " leaves it aside");
        }
        if (trouble != null) {
            objections.add(String.format(Locale.ROOT, "%s is not taken: %s", found, trouble));
        }
        String why = objections.isEmpty() ? search.places() : String.join("; ", objections);
        if (asked) {
            throw new BackendException(String.format(Locale.ROOT, "%s=cudnn, but %s", CHOICE, why));
        }
        return new ConvolutionChoice(null, why);
    }

    private static LibrarySearch.@Nullable Found named(String file, List<String> objections) {
        boolean refused = Files.exists(Path.of(file)) && !without(objections).test(file);
        return refused ? null : LibrarySearch.at(LIBRARY, file);
    }

    private static @Nullable String load(SharedLibrary library) {
        try {
            Path file = file(library.toString());
            return file == null ? "its file is not to be found" : Cudnn.load(file);
        } catch (IOException e) {
            return "its file can not be read: " + e.getMessage();
        }
    }

    /** The file that the loader opens for a name or a path, links resolved; null if it finds nothing. */
    private static @Nullable Path file(String name) throws IOException {
        return name.contains("/") ? Path.of(name).toRealPath() : SharedLibrary.locate(name, "cudnnGetVersion");
    }

    /** Accepts usable libraries, and adds the reasons against the others to a list. */
    private static Predicate<String> without(List<String> objections) {
        return name -> {
            String objection = objection(name);
            if (objection != null && !objection.isEmpty()) {
                objections.add(objection);
            }
            return objection == null;
        };
    }

    /** The reason why a library is unusable: null if it is usable, empty if there is no such file. */
    private static @Nullable String objection(String name) {
        try {
            Path file = file(name);
            if (file == null) {
                return "";
            }
            List<String> versions = VersionNodes.of(file);
            return versions.contains(NODE)
                    ? null
                    : String.format(
                            Locale.ROOT,
                            "%s is not taken: its functions must have the version %s, which JCudnn was linked against, but they have %s",
                            file,
                            NODE,
                            versions.isEmpty() ? "none" : String.join(", ", versions));
        } catch (IOException e) {
            return String.format(Locale.ROOT, "%s is not taken: %s", name, e.getMessage());
        }
    }

    /** @param cudnn the open library, or null */
    public String describe(@Nullable Cudnn cudnn) {
        return cudnn == null || library == null
                ? String.format(Locale.ROOT, "convolutions by own kernels (%s)", reason)
                : String.format(
                        Locale.ROOT,
                        "convolutions by cuDNN %s (%s; %s), in bf16 except gradients of weights",
                        cudnn.version(),
                        library,
                        reason);
    }
}
