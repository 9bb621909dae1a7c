@echo off
rem windows-report.cmd: double-click it in the unpacked zip. It runs the tests, the demo and two measurements, and writes
rem all their output to windows-report.txt, for the authors. From cmd, windows-report.cmd NAME ... runs only the tests
rem with these names.
setlocal
cd /d "%~dp0"
set report=windows-report.txt
set port=47613
if not exist tests.exe goto packed
echo This takes a few minutes. It writes to this folder only, and listens on this machine only where the tests do.
call :all %* >%report% 2>&1
if not exist %report% goto packed
echo.
echo Done. Please send this file to the authors: "%CD%\%report%"
if "%~1"=="" pause
exit /b 0

:packed
echo Please unpack the zip to a folder that you can write to, and start windows-report.cmd there.
if "%~1"=="" pause
exit /b 1

:all
call :title Windows
ver
echo processor: %PROCESSOR_ARCHITECTURE%, %NUMBER_OF_PROCESSORS%
server.exe --version
call :title Code page, before
chcp

call :title A refused connect: localhost, then 127.0.0.1
call :now
client.exe localhost %port% <nul
call :now
client.exe 127.0.0.1 %port% <nul
call :now

rem A copy, so that it can be killed by its name.
call :title A crowd of 64 to localhost, with a server on 127.0.0.1 only
copy /y server.exe report-server.exe >nul
start "" /b report-server.exe --port %port% --bind 127.0.0.1 --quiet >nul 2>&1 <nul
set tries=0
:await
set /a tries=tries+1
client.exe 127.0.0.1 %port% <nul >nul 2>&1
if errorlevel 1 if %tries% lss 50 goto await
call :now
echo.| client.exe localhost %port% --crowd 64
echo exit code %errorlevel%
call :now
taskkill /f /im report-server.exe
set tries=0
:remove
set /a tries=tries+1
del report-server.exe >nul 2>&1
if exist report-server.exe if %tries% lss 500 goto remove

call :title Tests
tests.exe server.exe %*
echo exit code %errorlevel%
call :title Demo
demo.exe --fast
echo exit code %errorlevel%
call :title Code page, after
chcp
call :now
goto :eof

:title
echo.
echo ==== %*
goto :eof

:now
echo time: %TIME%
goto :eof
