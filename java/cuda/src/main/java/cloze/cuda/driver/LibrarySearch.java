package cloze.cuda.driver;

import cloze.backend.BackendException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A search for a library of CUDA: by name with the system's loader, then in the folders of CUDA, then in those of Python
 * packages.
 *
 * @param names in order of preference
 * @param root of the file system
 * @param environment variables; VIRTUAL_ENV, CONDA_PREFIX and HOME lead to Python's packages
 */
public record LibrarySearch(List<String> names, Path root, Map<String, String> environment) {
    /** A library and the place where it was found. */
    public record Found(SharedLibrary library, String place) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s, %s", library, place);
        }
    }

    private static final List<String> PYTHON_HOMES = List.of("usr/local", "usr", "opt/conda");

    public static LibrarySearch here(List<String> names) {
        return new LibrarySearch(names, Path.of("/"), System.getenv());
    }

    /** @throws BackendException if it can not be loaded */
    public static Found at(String property, String file) {
        Found found = Files.exists(Path.of(file)) ? open(file, property, _ -> true) : null;
        if (found == null) {
            throw new BackendException(
                    String.format(Locale.ROOT, "%s=%s, but there is no library that can be loaded", property, file));
        }
        return found;
    }

    @Nullable
    public Found find() {
        return find(_ -> true);
    }

    /**
     * The first library that fits. The check comes before loading, since a loaded library stays loaded.
     *
     * @param fits is asked with a name for the loader, or a path
     */
    @Nullable
    public Found find(Predicate<String> fits) {
        List<Path> cuda = folders(root.resolve("usr/local"), "cuda*/lib64");
        List<Path> python = pythonFolders();
        for (String name : names) {
            Found found = open(name, "by its name", fits);
            found = found != null ? found : in(cuda, name, "a folder of CUDA", fits);
            found = found != null ? found : in(python, name, "a Python package", fits);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** The places that were searched, for messages. */
    public String places() {
        return String.format(
                Locale.ROOT,
                "%s is neither known to the loader nor in %s nor in nvidia/*/lib of Python's packages",
                String.join(" or ", names),
                root.resolve("usr/local/cuda*/lib64"));
    }

    private static @Nullable Found in(List<Path> folders, String name, String place, Predicate<String> fits) {
        for (Path folder : folders) {
            Path file = folder.resolve(name);
            Found found = Files.exists(file) ? open(file.toString(), place, fits) : null;
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private static @Nullable Found open(String name, String place, Predicate<String> fits) {
        try {
            return !fits.test(name) ? null : new Found(SharedLibrary.open(name), place);
        } catch (IllegalArgumentException _) {
            return null; // not there, or for another machine
        }
    }

    private List<Path> pythonFolders() {
        var homes = new ArrayList<Path>();
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            if (environment.containsKey(variable)) {
                homes.add(Path.of(environment.get(variable)));
            }
        }
        if (environment.containsKey("HOME")) {
            homes.add(Path.of(environment.get("HOME"), ".local"));
        }
        PYTHON_HOMES.forEach(home -> homes.add(root.resolve(home)));
        var folders = new ArrayList<Path>();
        for (Path home : homes) {
            folders.addAll(folders(home.resolve("lib"), "python3*/{site,dist}-packages/nvidia/*/lib"));
        }
        return folders;
    }

    /** Folders below a folder that match a pattern, one part for each level; in reverse order of names. */
    private static List<Path> folders(Path from, String pattern) {
        List<Path> level = List.of(from);
        for (String part : pattern.split("/", -1)) {
            var next = new ArrayList<Path>();
            for (Path folder : level) {
                if (Files.isDirectory(folder)) {
                    next.addAll(entries(folder, part));
                }
            }
            level = next;
        }
        return level;
    }

    private static List<Path> entries(Path folder, String pattern) {
        var entries = new ArrayList<Path>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, pattern)) {
            stream.forEach(entries::add);
        } catch (IOException _) {
            return List.of(); // no permission to read it
        }
        entries.sort(Comparator.reverseOrder());
        return entries;
    }
}
