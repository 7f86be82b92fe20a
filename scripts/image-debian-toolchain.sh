#!/bin/sh
# SPDX-License-Identifier: MIT
# Lay out Debian's aarch64 cross compiler as a toolchain that Buildroot takes:  image-debian-toolchain.sh FOLDER
#
# For building where the pinned toolchain cannot be had; wants the packages gcc-12-aarch64-linux-gnu,
# g++-12-aarch64-linux-gnu and libc6-dev-arm64-cross. The image proper is never built with it. Prints the
# Buildroot options that go with it, for BR2_FRAGMENT.
set -eu

[ $# -eq 1 ] || { echo "usage: image-debian-toolchain.sh FOLDER" >&2; exit 2; }
target=aarch64-linux-gnu release=12
from=/usr/$target
compiler=/usr/lib/gcc-cross/$target/$release
if [ ! -x "/usr/bin/$target-g++-$release" ] || [ ! -f "$from/lib/libc.so.6" ]; then
	echo "image-debian-toolchain: apt-get install g++-$release-$target libc6-dev-arm64-cross" >&2
	exit 1
fi
[ ! -e "$1" ] || { echo "image-debian-toolchain: $1 is there already" >&2; exit 1; }

mkdir -p "$1"
top=$(cd "$1" && pwd)
sysroot=$top/$target/sysroot
mkdir -p "$top/bin" "$top/usr/bin" "$top/usr/$target/bin" "$top/usr/$target/include" "$top/usr/lib/gcc-cross/$target" \
	"$sysroot/lib" "$sysroot/usr/lib" "$sysroot/usr/include"
cp -a "$from/include/." "$sysroot/usr/include/"

# What runs goes to lib, what is linked against to usr/lib, as Buildroot copies them.
for file in "$from"/lib/*; do
	name=${file##*/}
	case $name in
	*.so.[0-9]* | ld-linux*) cp -a "$file" "$sysroot/lib/" ;;
	*.o | *.a) cp -a "$file" "$sysroot/usr/lib/" ;;
	*.so)
		if [ -L "$file" ]; then
			ln -s "../../lib/$(basename "$(readlink "$file")")" "$sysroot/usr/lib/$name"
		else
			sed "s,$from/lib/,,g" "$file" > "$sysroot/usr/lib/$name"
		fi
		;;
	esac
done

# A compiler finds its parts from where it lies: a copy here looks here, and not in /usr.
cp -a "$compiler" "$top/usr/lib/gcc-cross/$target/$release"
own=$top/usr/lib/gcc-cross/$target/$release
find "$own" -maxdepth 1 -xtype l -delete
for library in libstdc++ libgomp libatomic; do
	mv "$own/$library.a" "$sysroot/usr/lib/"
	ln -s "../../lib/$(basename "$sysroot/lib/$library".so.?)" "$sysroot/usr/lib/$library.so"
done
mv "$own/libsupc++.a" "$sysroot/usr/lib/"
ln -s ../../lib/libgcc_s.so.1 "$sysroot/usr/lib/libgcc_s.so"
ln -s "../../../$target/sysroot/usr/include/c++" "$top/usr/$target/include/c++"

for tool in addr2line ar as c++filt elfedit gprof ld ld.bfd nm objcopy objdump ranlib readelf size strings strip; do
	ln -s "/usr/bin/$target-$tool" "$top/bin/$target-$tool"
	ln -s "/usr/bin/$target-$tool" "$top/usr/$target/bin/$tool"
done
for tool in gcc-ar gcc-nm gcc-ranlib; do ln -s "/usr/bin/$target-$tool-$release" "$top/bin/$target-$tool"; done

# Buildroot refuses a compiler that says it has another root; and without --sysroot it is to use its own.
for tool in gcc g++ cpp c++; do
	real=$tool
	[ "$tool" != c++ ] || real=g++
	[ -e "$top/usr/bin/$target-$real" ] || cp -L "/usr/bin/$target-$real-$release" "$top/usr/bin/$target-$real"
	cat > "$top/bin/$target-$tool" <<WRAPPER
#!/bin/sh
top=\$(dirname "\$(readlink -f "\$0")")/..
root="--sysroot=\$top/$target/sysroot"
for word; do case \$word in --sysroot*) root='' ;; esac; done
if [ "\$*" = -v ]; then "\$top/usr/bin/$target-$real" -v 2>&1 | sed 's,--with-sysroot=/ ,,' >&2; exit 0; fi
exec "\$top/usr/bin/$target-$real" \$root "\$@"
WRAPPER
	chmod +x "$top/bin/$target-$tool"
done

cat <<OPTIONS
# BR2_TOOLCHAIN_EXTERNAL_BOOTLIN is not set
BR2_TOOLCHAIN_EXTERNAL_CUSTOM=y
BR2_TOOLCHAIN_EXTERNAL_PREINSTALLED=y
BR2_TOOLCHAIN_EXTERNAL_PATH="$top"
BR2_TOOLCHAIN_EXTERNAL_CUSTOM_PREFIX="$target"
BR2_TOOLCHAIN_EXTERNAL_GCC_12=y
BR2_TOOLCHAIN_EXTERNAL_HEADERS_6_1=y
BR2_TOOLCHAIN_EXTERNAL_CUSTOM_GLIBC=y
BR2_TOOLCHAIN_EXTERNAL_CXX=y
BR2_TOOLCHAIN_EXTERNAL_OPENMP=y
# BR2_TOOLCHAIN_EXTERNAL_INET_RPC is not set
OPTIONS
